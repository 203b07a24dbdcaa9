// The objects of a provider that its host has handles of.
import type { HostedType } from './hosted.js';

export interface HostedObject {
  readonly id: number;
  readonly thing: object;
  readonly type: HostedType;
  // Handles that the host was given and has not given back.
  count: number;
}

export class HostedObjects {
  readonly #byId = new Map<number, HostedObject>();
  // Of each object, those that it is under the types that it was given out as.
  readonly #byThing = new Map<object, HostedObject[]>();
  #lastId = 0;

  constructor(private readonly gone: (object: HostedObject) => void) {}

  // One more handle of it.
  introduce(thing: object, type: HostedType): HostedObject {
    const known = this.#byThing.get(thing) ?? [];
    let held = known.find((each) => each.type === type);
    if (held === undefined) {
      held = { id: ++this.#lastId, thing, type, count: 0 };
      this.#byId.set(held.id, held);
      this.#byThing.set(thing, [...known, held]);
    }
    ++held.count;
    return held;
  }

  get(id: number): HostedObject | undefined {
    return this.#byId.get(id);
  }

  get size(): number {
    return this.#byId.size;
  }

  // What it was given out as first, if it was.
  find(thing: object): HostedObject | undefined {
    return this.#byThing.get(thing)?.[0];
  }

  giveBack(id: number, count: number): void {
    const held = this.#byId.get(id);
    if (held === undefined || (held.count -= count) > 0) return;
    this.#remove(held);
  }

  clear(): void {
    for (const held of [...this.#byId.values()]) this.#remove(held);
  }

  #remove(held: HostedObject): void {
    this.#byId.delete(held.id);
    const others = this.#byThing.get(held.thing)!.filter((each) => each !== held);
    if (others.length === 0) this.#byThing.delete(held.thing);
    else this.#byThing.set(held.thing, others);
    this.gone(held);
  }
}
