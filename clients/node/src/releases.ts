// What this session has been given references to, and gives back: when a proxy is lost to the garbage collector, or released.
// References go back in batches: with what is sent next, at 64 of them, or when the event loop has nothing else to do.

const BATCH = 64;

// One count of the session's for an object. Proxies hold it; when the last one has gone, so has it.
export class Reference {
  isReleased = false;
  constructor(readonly id: number) {}
}

export class Releases {
  readonly #counts = new Map<number, number>();
  readonly #lost = new FinalizationRegistry<number>((id) => this.#add(id));
  #isScheduled = false;

  // send: [[id, count], …], of which nobody waits for an answer.
  constructor(private readonly send: (counts: [number, number][]) => void) {}

  introduce(id: number): Reference {
    const reference = new Reference(id);
    this.#lost.register(reference, id, reference);
    return reference;
  }

  // It is no longer held: whoever says so gives the count back itself. False where somebody has said so before.
  forget(reference: Reference): boolean {
    if (reference.isReleased) return false;
    reference.isReleased = true;
    return this.#lost.unregister(reference);
  }

  // Gives it back with the next batch.
  release(reference: Reference): void {
    if (this.forget(reference)) this.#add(reference.id);
  }

  // What waits is sent now.
  flush(): void {
    if (this.#counts.size === 0) return;
    const counts = [...this.#counts];
    this.#counts.clear();
    this.send(counts);
  }

  #add(id: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    if (this.#counts.size >= BATCH) return this.flush();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    }).unref();
  }
}
