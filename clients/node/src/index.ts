// soho's client for Node: calls the objects that a host keeps, and hosts objects for its clients.
export { ExtData } from '@msgpack/msgpack';
export { Client, connect, type ConnectOptions, type PublishedName, type Whoami } from './client.js';
export * from './errors.js';
export { Key, Token } from './login.js';
export { Provider, type MethodOffer, type Offer, type OfferOptions, type Parameter } from './provider.js';
export { RemoteObject, call, identify, release, withOptions, type CallOptions, type Remote } from './proxy.js';
export { currentCall, type Call } from './serving.js';
export type { TlsOptions } from './transport.js';
export { Float, IsoTime, Keywords, Opaque, Range, Slice, Tuple, float, kw, tuple } from './values.js';
