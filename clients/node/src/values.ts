// What other languages have and JavaScript lacks, as classes.

/** Reading one takes time that grows faster than its length: a frame full of digits would stop the program for seconds. */
export const BIG_INTEGER_DIGITS_MAX = 10_000;

/** A number that travels as a floating-point number, also where it is whole: float(1) is 1.0 for the others. */
export class Float {
  constructor(readonly value: number) {}
  valueOf(): number {
    return this.value;
  }
}

export function float(value: number): Float {
  return new Float(value);
}

/** An array that others take for a tuple. Make one with tuple(). */
export class Tuple<T = unknown> extends Array<T> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

export function tuple<T extends unknown[]>(...items: T): Tuple<T[number]> {
  const made = new Tuple<T[number]>();
  made.push(...items);
  return made;
}

/** start, stop and step of what is cut out of a sequence; null for what is left out. */
export class Slice {
  constructor(readonly start: unknown = null, readonly stop: unknown = null, readonly step: unknown = null) {}
}

/** The whole numbers from start up to, and without, stop. */
export class Range implements Iterable<number> {
  constructor(readonly start: number, readonly stop: number, readonly step: number = 1) {
    if (step === 0) throw new RangeError('a range whose step is 0 has no end');
  }
  *[Symbol.iterator](): Generator<number> {
    for (let each = this.start; this.step > 0 ? each < this.stop : each > this.stop; each += this.step) yield each;
  }
}

/** A value of another language that this one hands on as it is. */
export class Opaque {
  constructor(readonly language: string, readonly bytes: Uint8Array) {}
}

/** A date, a time, a duration, or an instant that a Date cannot hold exactly, as ISO 8601 text. */
export class IsoTime {
  constructor(readonly text: string) {}
  /** As nearly as a Date can say it; an invalid Date where the text is no date. */
  toDate(): Date {
    return new Date(this.text);
  }
  toString(): string {
    return this.text;
  }
}

/** Keyword arguments, as the last argument of a call. */
export class Keywords {
  constructor(readonly values: Readonly<Record<string, unknown>>) {}
}

export function kw(values: Readonly<Record<string, unknown>>): Keywords {
  return new Keywords(values);
}

// An instant with a zone and at most milliseconds is exactly a Date.
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3}0*)?(Z|[+-]\d\d:\d\d)$/;

export function momentOf(text: string): Date | IsoTime {
  if (INSTANT.test(text)) {
    const date = new Date(text);
    if (!Number.isNaN(date.getTime())) return date;
  }
  return new IsoTime(text);
}
