// Where each frame ends in the bytes that come, however they are cut: every byte is looked at once. A frame that passes a limit, or is no
// MessagePack, is an error at the first byte that shows it, before anything is made of it.
import { LimitError } from './errors.js';
import { Head, Kind } from './heads.js';

export interface FrameLimits {
  bytes: number;
  depth: number;
  items: number;
}

const KEPT_BYTES_MAX = 1 << 20;
const NOTHING = new Uint8Array(0);

class FrameScanner {
  // How far this frame is scanned, from its start.
  scanned = 0;
  // Whether it has what the library does not read as we want it: see unpacker.ts.
  isUnusual = false;
  readonly #head = new Head();
  // Of each open array or map: how many values it still lacks, and whether it is a map.
  #open: number[] = [];
  #isMap: boolean[] = [];
  #items = 0;

  next(): void {
    this.scanned = 0;
    this.isUnusual = false;
    this.#open.length = 0;
    this.#isMap.length = 0;
    this.#items = 0;
  }

  // True at the end of a frame: it has `scanned` bytes.
  scan(bytes: Uint8Array, start: number, end: number, limits: FrameLimits): boolean {
    const head = this.#head;
    let at = start + this.scanned;
    while (head.read(bytes, at, end)) {
      const total = at - start + head.size + head.body;
      if (this.#items >= limits.items) throw tooMany(limits);
      if (total + head.children > limits.bytes) {
        throw new LimitError(`the host has sent a frame of more than ${limits.bytes} bytes`);
      }
      if (start + total > end) break;
      if (!this.isUnusual) this.isUnusual = this.#isUnusual(bytes, at);
      at = start + total;
      this.scanned = total;
      ++this.#items;
      if (head.children !== 0) {
        this.#descend(head, limits);
      } else if (this.#complete()) {
        return true;
      }
    }
    return false;
  }

  #descend(head: Head, limits: FrameLimits): void {
    if (this.#open.length >= limits.depth) throw new LimitError(`the host has sent values nested deeper than ${limits.depth}`);
    if (head.children > limits.items - this.#items) throw tooMany(limits);
    this.#open.push(head.children);
    this.#isMap.push(head.kind === Kind.map);
  }

  // A value has ended, and with it all of which it was the last. True where that is the frame.
  #complete(): boolean {
    const open = this.#open;
    while (open.length !== 0) {
      if (--open[open.length - 1]! !== 0) return false;
      open.pop();
      this.#isMap.pop();
    }
    return true;
  }

  #isUnusual(bytes: Uint8Array, at: number): boolean {
    const head = this.#head;
    if (head.kind === Kind.binary || head.kind === Kind.extension || head.kind === Kind.wideInteger) return true;
    const depth = this.#open.length;
    if (depth === 0 || !this.#isMap[depth - 1] || this.#open[depth - 1]! % 2 !== 0) return false;
    // A key: the library takes texts, but for "__proto__".
    return head.kind !== Kind.string || (head.body === 9 && bytes[at + head.size] === 0x5f);
  }
}

function tooMany(limits: FrameLimits): LimitError {
  return new LimitError(`the host has sent more than ${limits.items} values in one frame`);
}

export class FrameReader {
  readonly #scanner = new FrameScanner();
  // The beginning of a frame that is not whole yet.
  #kept: Uint8Array = NOTHING;
  #keptBytes = 0;

  constructor(public limits: FrameLimits) {}

  // Calls `take` for each frame that is whole now. The bytes are the caller's to reuse afterwards. Throws a SohoError for what is no frame.
  push(chunk: Uint8Array, take: (frame: Uint8Array, isUnusual: boolean) => void): void {
    let bytes = chunk;
    let end = chunk.length;
    if (this.#keptBytes !== 0) {
      this.#keep(chunk, 0, chunk.length);
      bytes = this.#kept;
      end = this.#keptBytes;
    }
    let start = 0;
    const scanner = this.#scanner;
    while (start < end && scanner.scan(bytes, start, end, this.limits)) {
      const frame = bytes.subarray(start, start + scanner.scanned);
      const { isUnusual } = scanner;
      start += scanner.scanned;
      scanner.next();
      take(frame, isUnusual);
    }
    this.#rest(bytes, start, end);
  }

  #rest(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#kept) {
      this.#keep(bytes, start, end);
    } else if (start !== 0) {
      bytes.copyWithin(0, start, end);
      this.#keptBytes = end - start;
    }
    if (this.#keptBytes === 0 && this.#kept.length > KEPT_BYTES_MAX) this.#kept = NOTHING;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#keptBytes + end - start;
    if (needed > this.#kept.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#kept.length, 4096));
      larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(start, end), this.#keptBytes);
    this.#keptBytes = needed;
  }
}
