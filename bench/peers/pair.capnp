@0xb5c8f0d3a1e47296;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bench::capnproto");

interface Pair {
    getX @0 () -> (value :Int64);
}

interface Service {
    pair @0 () -> (pair :Pair);
    make @1 (x :Int64, y :Int64) -> (pair :Pair);
    echo @2 (bytes :Data) -> (bytes :Data);
}
