// MessagePack as text, as PROTOCOL.md writes its examples: JSON with nil, h'00ff' for a binary and ext(type, body).
import { IsoTime, Opaque, Range, Slice, Tuple } from '../src/index.js';
import { Named } from './support.js';

export interface Golden {
  name: string;
  bytes: Uint8Array;
  notation: string;
}

export function goldens(protocol: string): Golden[] {
  return [...protocol.matchAll(/^```golden (.*)\n([^`]*)\n(.*)\n```$/gm)].map(([, name, hex, notation]) => ({
    name: name!, notation: notation!, bytes: Buffer.from(hex!.replace(/\s/g, ''), 'hex'),
  }));
}

export function parse(notation: string): unknown {
  const parser = new Parser(notation);
  const value = parser.value();
  if (parser.rest.trim() !== '') throw new Error(`something behind the value: ${parser.rest}`);
  return value;
}

class Parser {
  constructor(public rest: string) {}

  #take(pattern: RegExp): RegExpExecArray | null {
    const found = pattern.exec(this.rest);
    if (found !== null) this.rest = this.rest.slice(found[0].length);
    return found;
  }

  #expect(pattern: RegExp): RegExpExecArray {
    const found = this.#take(pattern);
    if (found === null) throw new Error(`no ${pattern} at: ${this.rest.slice(0, 40)}`);
    return found;
  }

  value(): unknown {
    const word = this.#take(/^\s*(nil|true|false)\b/);
    if (word !== null) return word[1] === 'nil' ? null : word[1] === 'true';
    const binary = this.#take(/^\s*h'([0-9a-f]*)'/);
    if (binary !== null) return new Uint8Array(Buffer.from(binary[1]!, 'hex'));
    const text = this.#take(/^\s*"(?:[^"\\]|\\.)*"/);
    if (text !== null) return JSON.parse(text[0]);
    if (this.#take(/^\s*\[/)) return this.#until(/^\s*\]/, () => this.value());
    if (this.#take(/^\s*\{/)) return Object.fromEntries(this.#until(/^\s*\}/, () => this.#entry()));
    const extension = this.#take(/^\s*ext\(0x([0-9a-f]+),/);
    if (extension !== null) {
      const body = this.value();
      this.#expect(/^\s*\)/);
      return extensionOf(parseInt(extension[1]!, 16), body);
    }
    return Number(this.#expect(/^\s*-?\d+(\.\d+)?/)[0]);
  }

  #entry(): [string, unknown] {
    const key = this.value() as string;
    this.#expect(/^\s*:/);
    return [key, this.value()];
  }

  #until<T>(end: RegExp, next: () => T): T[] {
    const values: T[] = [];
    while (!this.#take(end)) {
      values.push(next());
      this.#take(/^\s*,/);
    }
    return values;
  }
}

function extensionOf(type: number, body: unknown): unknown {
  const parts = body as unknown[];
  switch (type) {
    case 0x53: return new Named(parts[0] as number, parts[1] as string);
    case 0x54: return Tuple.from(parts);
    case 0x55: return new Set(parts);
    case 0x56: return BigInt(body as string);
    case 0x57: return new IsoTime(body as string);
    case 0x58: return new Slice(...parts);
    case 0x59: return new Range(...(parts as [number, number, number]));
    case 0x5a: return new Opaque(parts[0] as string, parts[1] as Uint8Array);
    case 0x5b: return new Named(parts[0] as number, parts[1] as string, true);
    default: throw new Error(`ext type ${type}`);
  }
}
