// soho's extension types: what stands in their bodies.

export const enum Extension {
  handle = 0x53, tuple, set, bigInteger, datetime, slice, range, opaque, own, timestamp = -1,
}

// Where values come from and go to.
export interface Home {
  // What the handle of an object says, and whether it is a provider's own; undefined for what is no object of a host's or a provider's.
  // Throws TypeError for one of another host.
  handleOf(value: object): Handle | undefined;
  // Handles of a provider's own that were written, and not sent after all.
  takeBack(ids: readonly number[]): void;
  // A proxy that owns the reference that came with the handle.
  proxyOf(id: number, typeid: string): object;
  // A provider's own object.
  ownOf(id: number): unknown;
}

export interface Handle {
  extension: Extension.handle | Extension.own;
  id: number;
  typeid: string;
}
