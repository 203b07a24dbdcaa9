// The heads of MessagePack values: what their first bytes say of the rest.
import { ProtocolError } from './errors.js';

export const enum Kind { leaf, wideInteger, string, binary, extension, array, map }

// Of the value whose head was read last.
export class Head {
  kind = Kind.leaf;
  // Bytes of the head, and of the body behind it.
  size = 1;
  body = 0;
  // Values that follow, which are the array's or the map's.
  children = 0;
  extension = 0;

  // False where the head is not whole before `end`.
  read(bytes: Uint8Array, at: number, end: number): boolean {
    if (at >= end) return false;
    const first = bytes[at]!;
    if (first < 0x80 || first >= 0xe0 || (first >= 0xc0 && first <= 0xc3 && first !== 0xc1)) return this.#is(Kind.leaf, 1, 0, 0);
    if (first < 0x90) return this.#is(Kind.map, 1, 0, 2 * (first & 0x0f));
    if (first < 0xa0) return this.#is(Kind.array, 1, 0, first & 0x0f);
    if (first < 0xc0) return this.#is(Kind.string, 1, first & 0x1f, 0);
    if (first === 0xc1) throw new ProtocolError('the host has sent a byte 0xc1, which MessagePack never uses');
    const size = SIZES[first - 0xc0]!;
    if (end - at < size) return false;
    if (first >= 0xca && first <= 0xd3) return this.#number(first);
    const length = lengthOf(bytes, at + 1, first);
    if (first >= 0xde) return this.#is(Kind.map, size, 0, 2 * length);
    if (first >= 0xdc) return this.#is(Kind.array, size, 0, length);
    if (first >= 0xd9) return this.#is(Kind.string, size, length, 0);
    if (first <= 0xc6) return this.#is(Kind.binary, size, length, 0);
    this.extension = (bytes[at + size - 1]! << 24) >> 24;
    return this.#is(Kind.extension, size, length, 0);
  }

  #number(first: number): boolean {
    const isWide = first === 0xcf || first === 0xd3;
    return this.#is(isWide ? Kind.wideInteger : Kind.leaf, 1, NUMBER_SIZES[first - 0xca]!, 0);
  }

  #is(kind: Kind, size: number, body: number, children: number): true {
    this.kind = kind;
    this.size = size;
    this.body = body;
    this.children = children;
    return true;
  }
}

// Bytes of the heads from 0xc0 on.
const SIZES = [1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 5, 3, 5, 3, 5];
// Bytes of the numbers from 0xca on, behind their heads: floats, then unsigned, then signed integers.
const NUMBER_SIZES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

function lengthOf(bytes: Uint8Array, at: number, first: number): number {
  if (first >= 0xd4 && first <= 0xd8) return 1 << (first - 0xd4);
  switch (first) {
    case 0xc4: case 0xc7: case 0xd9: return bytes[at]!;
    case 0xc5: case 0xc8: case 0xda: case 0xdc: case 0xde: return bytes[at]! * 0x100 + bytes[at + 1]!;
    default: return bytes[at]! * 0x1000000 + bytes[at + 1]! * 0x10000 + bytes[at + 2]! * 0x100 + bytes[at + 3]!;
  }
}
