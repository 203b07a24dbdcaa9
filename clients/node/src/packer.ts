// JavaScript's values as MessagePack. The library writes whatever it writes as the protocol has it, in one go; this writes the heads of
// what holds anything else: maps with other keys than texts, extensions, numbers that are to stay floating-point, large integers.
import { Encoder, ExtData } from '@msgpack/msgpack';
import { BadArgumentsError, LimitError } from './errors.js';
import { Extension, type Home } from './extensions.js';
import { Sink } from './sink.js';
import { BIG_INTEGER_DIGITS_MAX, Float, IsoTime, Opaque, Range, Slice, Tuple } from './values.js';

// Those of the host, for what it is sent.
export interface ValueLimits {
  frame_bytes: number;
  depth: number;
  items: number;
}

const LARGE = 1 << 20;

export class Packer {
  limits: ValueLimits = { frame_bytes: 16 << 20, depth: 64, items: 1 << 20 };
  #encoder = new Encoder({ ignoreUndefined: true });
  #sink = new Sink();
  readonly #spare: Sink[] = [];
  #items = 0;
  // The provider's own objects in this frame.
  #given: number[] = [];

  constructor(private readonly home: Home) {}

  // A whole frame; good until the next call. Throws BadArgumentsError for a value that cannot be sent, LimitError for one the host would not take.
  pack(frame: readonly unknown[]): Uint8Array {
    this.#given = [];
    try {
      const bytes = this.#pack(frame);
      if (bytes.length > LARGE) this.#encoder = new Encoder({ ignoreUndefined: true }); // which would keep room for another one
      return bytes;
    } catch (error) {
      if (this.#given.length !== 0) this.home.takeBack(this.#given);
      throw error;
    }
  }

  #pack(frame: readonly unknown[]): Uint8Array {
    this.#items = 1;
    let bytes: Uint8Array;
    if (this.#isPlain(frame, 0)) {
      bytes = this.#encoder.encodeSharedRef(frame);
    } else {
      this.#items = 1;
      this.#sink.clear();
      this.#write(frame, 0);
      bytes = this.#sink.bytes;
    }
    if (bytes.length > this.limits.frame_bytes) {
      throw new LimitError(`a frame of ${bytes.length} bytes, and the host takes ${this.limits.frame_bytes} (frame_bytes)`);
    }
    return bytes;
  }

  // Whether the library writes it as it should be. What is not goes the long way, which also finds out what is wrong.
  #isPlain(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string': return isText(value);
      case 'number': return value !== 0 || !Object.is(value, -0);
      case 'boolean': case 'undefined': return true;
      case 'object': break;
      default: return false;
    }
    if (value === null) return true;
    if (depth >= this.limits.depth) return false;
    if (Array.isArray(value)) {
      if (Object.getPrototypeOf(value) !== Array.prototype || !this.#isRoomFor(value.length)) return false;
      for (const each of value) {
        if (!this.#isPlain(each, depth + 1)) return false;
      }
      return true;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
    const keys = Object.keys(value);
    if (!this.#isRoomFor(2 * keys.length)) return false;
    return keys.every((key) => isText(key) && this.#isPlain((value as Record<string, unknown>)[key], depth + 1));
  }

  #isRoomFor(values: number): boolean {
    this.#items += values;
    return this.#items <= this.limits.items;
  }

  #write(value: unknown, depth: number): void {
    if (typeof value === 'bigint') return this.#bigInteger(value);
    if (typeof value === 'number' && Object.is(value, -0)) return this.#sink.float64(value);
    if (typeof value !== 'object' || value === null) return this.#leaf(value);
    if (value instanceof Float) return this.#sink.float64(value.value);
    if (value instanceof Uint8Array) return this.#sink.write(this.#encoder.encodeSharedRef(value));
    if (value instanceof ArrayBuffer) return this.#sink.write(this.#encoder.encodeSharedRef(new Uint8Array(value)));
    if (depth >= this.limits.depth) {
      throw new LimitError(`values nested deeper than ${this.limits.depth} (depth), or inside themselves`);
    }
    if (Array.isArray(value) && !(value instanceof Tuple)) return this.#array(value, depth);
    if (value instanceof Map) return this.#map(value.size, value, depth);
    if (this.#extension(value, depth)) return;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw new BadArgumentsError(unknownClass(value));
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    this.#map(entries.length, entries, depth);
  }

  #leaf(value: unknown): void {
    if (typeof value === 'string' && !isText(value)) {
      throw new BadArgumentsError('a string with half of a surrogate pair, which is no text: send its bytes as a Uint8Array');
    }
    if (typeof value === 'function' || typeof value === 'symbol') throw new BadArgumentsError(`a ${typeof value} cannot be sent`);
    this.#sink.write(this.#encoder.encodeSharedRef(value));
  }

  #array(values: readonly unknown[], depth: number): void {
    this.#count(values.length);
    this.#sink.array(values.length);
    for (const each of values) this.#write(each, depth + 1);
  }

  #map(size: number, entries: Iterable<readonly [unknown, unknown]>, depth: number): void {
    this.#count(2 * size);
    this.#sink.map(size);
    for (const [key, each] of entries) {
      this.#write(key, depth + 1);
      this.#write(each, depth + 1);
    }
  }

  #count(values: number): void {
    if (!this.#isRoomFor(values)) throw new LimitError(`more than ${this.limits.items} values in one frame (items)`);
  }

  #bigInteger(value: bigint): void {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return this.#leaf(Number(value));
    if (value >= -(1n << 63n) && value < 1n << 64n) return this.#sink.wideInteger(value);
    const digits = value.toString();
    if (digits.length > BIG_INTEGER_DIGITS_MAX) throw new BadArgumentsError(`a bigint of ${digits.length} digits: ${BIG_INTEGER_DIGITS_MAX} can be sent`);
    this.#sink.extension(Extension.bigInteger, Buffer.from(digits));
  }

  // True where it was one.
  #extension(value: object, depth: number): boolean {
    if (value instanceof Tuple) return this.#nested(Extension.tuple, value, depth);
    if (value instanceof Set) return this.#nested(Extension.set, [...value], depth);
    if (value instanceof Slice) return this.#nested(Extension.slice, [value.start, value.stop, value.step], depth);
    if (value instanceof Range) return this.#nested(Extension.range, [value.start, value.stop, value.step], depth);
    if (value instanceof Opaque) return this.#nested(Extension.opaque, [value.language, value.bytes], depth);
    if (value instanceof IsoTime) return this.#text(Extension.datetime, value.text);
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw new BadArgumentsError('an invalid Date cannot be sent');
      return this.#text(Extension.datetime, value.toISOString());
    }
    if (value instanceof ExtData) {
      this.#sink.extension(value.type, typeof value.data === 'function' ? value.data(0) : value.data);
      return true;
    }
    const handle = this.home.handleOf(value);
    if (handle === undefined) return false;
    if (handle.extension === Extension.own) this.#given.push(handle.id);
    return this.#nested(handle.extension, [handle.id, handle.typeid], depth);
  }

  #text(type: Extension, text: string): true {
    this.#sink.extension(type, Buffer.from(text));
    return true;
  }

  // The body is an array of values.
  #nested(type: Extension, values: readonly unknown[], depth: number): true {
    const outer = this.#sink;
    const body = this.#spare.pop() ?? new Sink();
    body.clear();
    this.#sink = body;
    try {
      this.#array([...values], depth);
    } finally {
      this.#sink = outer;
    }
    outer.extension(type, body.bytes);
    this.#spare.push(body);
    return true;
  }
}

const HALF_PAIR = /\p{Surrogate}/u;

// Whether UTF-8 can say it.
const isText: (text: string) => boolean = 'isWellFormed' in String.prototype
  ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
  : (text) => !HALF_PAIR.test(text);

function unknownClass(value: object): string {
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return `an object of the class ${typeof name === 'string' ? name : '?'} cannot be sent: ` +
    'send plain objects, arrays, Maps, Sets, Dates, Uint8Arrays, proxies, or objects of a class that a provider of this client hosts';
}
