#pragma once
// What the shared library soho_client shows; everything else in it is hidden.
#define SOHO_CLIENT_API __attribute__((visibility("default")))
