// Bytes that are being written, and the heads of MessagePack's containers and extensions.

export class Sink {
  #bytes = new Uint8Array(1024);
  #used = 0;

  // What was written; good until the next write.
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  get size(): number {
    return this.#used;
  }

  clear(): void {
    this.#used = 0;
    if (this.#bytes.length > 1 << 20) this.#bytes = new Uint8Array(1024);
  }

  write(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  array(size: number): void {
    if (size < 16) this.#number(0x90 | size, 0, 0);
    else if (size < 0x10000) this.#number(0xdc, size, 2);
    else this.#number(0xdd, size, 4);
  }

  map(size: number): void {
    if (size < 16) this.#number(0x80 | size, 0, 0);
    else if (size < 0x10000) this.#number(0xde, size, 2);
    else this.#number(0xdf, size, 4);
  }

  extension(type: number, body: Uint8Array): void {
    const fixed = [1, 2, 4, 8, 16].indexOf(body.length);
    if (fixed >= 0) this.#number(0xd4 + fixed, 0, 0);
    else if (body.length < 0x100) this.#number(0xc7, body.length, 1);
    else if (body.length < 0x10000) this.#number(0xc8, body.length, 2);
    else this.#number(0xc9, body.length, 4);
    this.#reserve(1);
    this.#bytes[this.#used++] = type & 0xff;
    this.write(body);
  }

  float64(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#used] = 0xcb;
    this.#view().setFloat64(this.#used + 1, value);
    this.#used += 9;
  }

  // One that fits into 64 bits and not into a number.
  wideInteger(value: bigint): void {
    this.#reserve(9);
    this.#bytes[this.#used] = value < 0n ? 0xd3 : 0xcf;
    this.#view().setBigUint64(this.#used + 1, BigInt.asUintN(64, value));
    this.#used += 9;
  }

  #number(head: number, value: number, bytes: number): void {
    this.#reserve(1 + bytes);
    this.#bytes[this.#used++] = head;
    for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) this.#bytes[this.#used++] = (value >>> shift) & 0xff;
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}
