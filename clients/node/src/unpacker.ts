// MessagePack as JavaScript's values. The library reads the usual frames in one go; those that have binaries, extensions, integers of 64
// bits, or maps with other keys than texts are read value by value, and the library reads the leaves.
import { Decoder, ExtData, decodeTimestampExtension } from '@msgpack/msgpack';
import { InternalError } from './errors.js';
import { Extension, type Home } from './extensions.js';
import { Head, Kind } from './heads.js';
import { BIG_INTEGER_DIGITS_MAX, Opaque, Range, Slice, Tuple, momentOf } from './values.js';

// How deep values are read, those in extensions included: a host gives 64 to a result.
const DEPTH_MAX = 128;
const NOTHING = new Uint8Array(0);

export class Unpacker {
  failure: Error | undefined;
  #introduced: object[] = [];
  readonly #decoder = new Decoder();
  readonly #head = new Head();
  #bytes: Uint8Array = NOTHING;
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #end = 0;

  constructor(private readonly home: Home) {}

  // A frame, as the frame reader found it. A value that cannot be read is null, and says why in `failure`.
  unpack(frame: Uint8Array, isUnusual: boolean): unknown {
    this.failure = undefined;
    if (!isUnusual) return this.#decoder.decode(frame);
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#at = 0;
    this.#end = frame.length;
    const value = this.#value(0);
    this.#bytes = NOTHING;
    return value;
  }

  // Of the last frame: what was wrong with its values, and the proxies that came with it, which are not kept here.
  taken(): { failure: Error | undefined; introduced: object[] } {
    const { failure } = this;
    const introduced = this.#introduced;
    if (introduced.length !== 0) this.#introduced = [];
    return { failure, introduced };
  }

  #value(depth: number): unknown {
    const head = this.#head;
    if (depth > DEPTH_MAX) throw new InternalError(`values nested deeper than ${DEPTH_MAX}`);
    const start = this.#at;
    if (!head.read(this.#bytes, start, this.#end) || start + head.size + head.body > this.#end) throw new InternalError('a value that is cut short');
    const body = start + head.size;
    this.#at = body + head.body;
    switch (head.kind) {
      case Kind.leaf: case Kind.string: return this.#decoder.decode(this.#bytes.subarray(start, this.#at));
      case Kind.wideInteger: return this.#wideInteger(start);
      case Kind.binary: return this.#copy(body, this.#at);
      case Kind.extension: return this.#extension(head.extension, body, this.#at, depth);
      case Kind.array: return this.#array(head.children, depth);
      case Kind.map: return this.#map(head.children / 2, depth);
    }
  }

  #copy(from: number, to: number): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(from, to));
  }

  #wideInteger(start: number): number | bigint {
    const value = this.#bytes[start] === 0xcf ? this.#view.getBigUint64(start + 1) : this.#view.getBigInt64(start + 1);
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }

  #array(size: number, depth: number): unknown[] {
    if (size > this.#end - this.#at) throw new InternalError('an array that is cut short');
    const values: unknown[] = [];
    for (let each = 0; each < size; ++each) values.push(this.#value(depth + 1));
    return values;
  }

  // An object where all keys are texts, else a Map.
  #map(size: number, depth: number): Record<string, unknown> | Map<unknown, unknown> {
    if (size > this.#end - this.#at) throw new InternalError('a map that is cut short');
    const keys: unknown[] = [];
    const values: unknown[] = [];
    for (let each = 0; each < size; ++each) {
      keys.push(this.#value(depth + 1));
      values.push(this.#value(depth + 1));
    }
    if (!keys.every((key): key is string => typeof key === 'string')) {
      return new Map(keys.map((key, each) => [key, values[each]]));
    }
    const made: Record<string, unknown> = {};
    keys.forEach((key, each) => {
      if (key !== '__proto__') made[key] = values[each];
      else Object.defineProperty(made, key, { value: values[each], writable: true, enumerable: true, configurable: true });
    });
    return made;
  }

  // Whatever is wrong with it is the value's failure: the frame is read to its end.
  #extension(type: number, from: number, to: number, depth: number): unknown {
    const end = this.#end;
    try {
      this.#at = from;
      this.#end = to;
      return this.#body(type, from, to, depth);
    } catch (error) {
      this.failure ??= error as Error;
      return null;
    } finally {
      this.#at = to;
      this.#end = end;
    }
  }

  #body(type: number, from: number, to: number, depth: number): unknown {
    switch (type) {
      case Extension.handle: {
        const [id, typeid] = this.#idAndTypeid(depth);
        const proxy = this.home.proxyOf(id, typeid);
        this.#introduced.push(proxy);
        return proxy;
      }
      case Extension.own: return this.home.ownOf(this.#idAndTypeid(depth)[0]);
      case Extension.tuple: return this.#elements(depth).reduce<Tuple>((made, each) => (made.push(each), made), new Tuple());
      case Extension.set: return new Set(this.#elements(depth));
      case Extension.bigInteger: return bigIntegerOf(this.#text(from, to));
      case Extension.datetime: return momentOf(this.#text(from, to));
      case Extension.slice: return new Slice(...this.#exactly(3, depth));
      case Extension.range: return rangeOf(this.#exactly(3, depth));
      case Extension.opaque: return opaqueOf(this.#exactly(2, depth));
      case Extension.timestamp: return decodeTimestampExtension(this.#copy(from, to));
      default: return new ExtData(type, this.#copy(from, to));
    }
  }

  #text(from: number, to: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + from, to - from).toString();
  }

  #elements(depth: number): unknown[] {
    const values = this.#value(depth + 1);
    if (!Array.isArray(values) || values instanceof Tuple || this.#at !== this.#end) {
      throw new InternalError('an extension whose body is not one array');
    }
    return values;
  }

  #exactly(size: number, depth: number): unknown[] {
    const values = this.#elements(depth);
    if (values.length !== size) throw new InternalError(`an extension with ${values.length} values in place of ${size}`);
    return values;
  }

  #idAndTypeid(depth: number): [number, string] {
    const [id, typeid] = this.#exactly(2, depth);
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0 || typeof typeid !== 'string') {
      throw new InternalError('a handle that is not [id, typeid]');
    }
    return [id, typeid];
  }
}

function bigIntegerOf(text: string): bigint {
  if (text.length > BIG_INTEGER_DIGITS_MAX) throw new InternalError(`a big integer of more than ${BIG_INTEGER_DIGITS_MAX} digits`);
  if (!/^-?\d+$/.test(text)) throw new InternalError('a big integer that is no number');
  return BigInt(text);
}

function rangeOf([start, stop, step]: unknown[]): Range {
  const [first, last, stride] = [start ?? 0, stop, step ?? 1];
  if (typeof first !== 'number' || typeof last !== 'number' || typeof stride !== 'number') {
    throw new InternalError('a range that a JavaScript number cannot say');
  }
  return new Range(first, last, stride);
}

function opaqueOf([language, bytes]: unknown[]): Opaque {
  if (typeof language !== 'string' || !(bytes instanceof Uint8Array)) throw new InternalError('an opaque value that is not [language, bytes]');
  return new Opaque(language, bytes);
}
