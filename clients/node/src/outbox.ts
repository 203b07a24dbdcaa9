// What is to be sent. Frames of one turn of the event loop leave in one write; while the system takes no more they wait here.
import type { Socket } from 'node:net';

const SLAB_BYTES = 64 << 10;

export class Outbox {
  // Bytes that the socket was not given yet.
  #waitingBytes = 0;
  #waiting: Uint8Array[] = [];
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #from = 0;
  #to = 0;
  #isScheduled = false;
  #drained: (() => void)[] = [];
  readonly #flush = (): void => this.flush();

  // beforeFlush may add what shall leave with the rest.
  constructor(private readonly socket: Socket, private readonly beforeFlush: () => void) {
    socket.on('drain', this.#flush);
  }

  get unsentBytes(): number {
    return this.#waitingBytes + this.socket.writableLength;
  }

  // Copies them.
  add(bytes: Uint8Array): void {
    if (bytes.length > SLAB_BYTES / 2) {
      this.#closeSlab();
      this.#waiting.push(bytes.slice());
    } else {
      if (bytes.length > SLAB_BYTES - this.#to) {
        this.#closeSlab();
        this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
        this.#from = this.#to = 0;
      }
      this.#slab.set(bytes, this.#to);
      this.#to += bytes.length;
    }
    this.#waitingBytes += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#flush);
  }

  // isLast: the socket gets all of it, whether it has room or not.
  flush(isLast = false): void {
    this.beforeFlush();
    this.#isScheduled = false;
    const { socket } = this;
    if (socket.destroyed) return this.#tellDrained();
    if (socket.writableNeedDrain && !isLast) return;
    this.#closeSlab();
    const { length } = this.#waiting;
    if (length > 1) socket.cork();
    for (const each of this.#waiting) socket.write(each);
    if (length > 1) socket.uncork();
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (!socket.writableNeedDrain) this.#tellDrained();
  }

  // When the system has room again for what was added until now.
  async drained(): Promise<void> {
    if (this.socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#drained.push(resolve);
      if (!this.#isScheduled) {
        this.#isScheduled = true;
        process.nextTick(this.#flush);
      }
    });
  }

  // Nobody will send any of it.
  drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#from = this.#to;
    this.#tellDrained();
  }

  #closeSlab(): void {
    if (this.#from !== this.#to) this.#waiting.push(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  #tellDrained(): void {
    const drained = this.#drained;
    this.#drained = [];
    for (const each of drained) each();
  }
}
