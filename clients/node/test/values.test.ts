// JavaScript's values on the wire: what comes back, and what is refused before it is sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder } from '@msgpack/msgpack';
import { BadArgumentsError, ExtData, IsoTime, LimitError, Opaque, Range, Slice, float, tuple } from '../src/index.js';
import { FrameReader } from '../src/frames.js';
import { Packer } from '../src/packer.js';
import { Unpacker } from '../src/unpacker.js';
import { Named, bare, seeded } from './support.js';

function pack(value: unknown): Uint8Array {
  return new Packer(bare).pack([value]).slice();
}

function again(value: unknown): unknown {
  const values: unknown[] = [];
  const unpacker = new Unpacker(bare);
  new FrameReader({ bytes: 1 << 24, depth: 66, items: 1 << 20 }).push(pack(value), (frame, isUnusual) => {
    values.push((unpacker.unpack(frame, isUnusual) as unknown[])[0]);
    if (unpacker.failure) throw unpacker.failure;
  });
  assert.equal(values.length, 1);
  return values[0];
}

const kept: unknown[] = [
  null, true, false, 0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), -32, -33, -129, -32769, -(2 ** 31) - 1,
  0.5, -0, 1e300, Infinity, -Infinity, NaN, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, -(2n ** 200n), 2n ** 53n,
  '', 'text', 'grüß 🙂', 'x'.repeat(70_000), new Uint8Array(0), new Uint8Array([0, 255]), new Uint8Array(70_000),
  [], [1, [2, []]], {}, { a: { b: 1 } }, { ['__proto__']: 1 }, new Map<unknown, unknown>([[1, 2], [null, 3], [tuple(1, 2), 4]]),
  tuple(), tuple(1, tuple(2, [3])), new Set([1, 'a']), new Set(), new Slice(1, null, 2), new Range(1, 10, 3), new Opaque('ruby', new Uint8Array([1])),
  new Date(0), new Date('2026-01-02T03:04:05.678Z'), new IsoTime('2026-01-02'), new IsoTime('03:04:05'), new IsoTime('P3DT5.000000S'),
  new IsoTime('2026-01-02T03:04:05'), new IsoTime('2026-01-02T03:04:05.000006+00:00'), new ExtData(5, new Uint8Array([1, 2])),
  new Named(2 ** 52, 'T'), [new Named(7, 'T'), { k: [new Named(8, 'T')] }],
];
for (const value of kept) {
  const name = typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : (JSON.stringify(value) ?? String(value)).slice(0, 60);
  test(`comes back as it was: ${name}`, () => assert.deepEqual(again(value), value));
}

test('what becomes something plainer', () => {
  const object = Object.assign(Object.create(null) as object, { a: 1, b: undefined });
  assert.deepEqual(again(object), { a: 1 });
  assert.deepEqual(again([undefined, 5n, float(1), float(1.5)]), [null, 5, 1, 1.5]);
  assert.deepEqual(again(Buffer.from('ab')), new Uint8Array([97, 98]));
  assert.deepEqual(again(new Uint8Array([1, 2]).buffer), new Uint8Array([1, 2]));
  assert.deepEqual(again(new Map([['a', 1]])), { a: 1 });
  assert.deepEqual(again(new IsoTime('2026-01-02T03:04:05.500000+01:00')), new Date('2026-01-02T02:04:05.500Z'));
  assert.equal((again({ ['__proto__']: { polluted: 1 } }) as { polluted?: number }).polluted, undefined);
});

test('a whole number is an integer, and a floating-point number where one says so', () => {
  assert.deepEqual(pack(1), Uint8Array.of(0x91, 1));
  assert.deepEqual(pack(float(1)), Uint8Array.of(0x91, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0));
});

const cyclic: unknown[] = [];
cyclic.push({ cyclic });
class Unknown {}
const refused: [string, unknown, new (...args: any[]) => Error, RegExp][] = [
  ['a class that nobody hosts', [new Unknown()], BadArgumentsError, /class Unknown cannot be sent/],
  ['a function', { f: () => 1 }, BadArgumentsError, /a function cannot be sent/],
  ['a symbol', [Symbol('s')], BadArgumentsError, /a symbol cannot be sent/],
  ['half of a surrogate pair', ['\ud800'], BadArgumentsError, /surrogate/],
  ['half of a pair as a key', { '\ud800': 1 }, BadArgumentsError, /surrogate/],
  ['a typed array of numbers', new Float64Array(2), BadArgumentsError, /Float64Array/],
  ['an invalid Date', [new Date(NaN)], BadArgumentsError, /invalid Date/],
  ['what holds itself', cyclic, LimitError, /deeper than 64/],
  ['too many values', new Array((1 << 20) + 1).fill(0), LimitError, /more than 1048576 values/],
  ['too many digits', 10n ** 10_000n, BadArgumentsError, /a bigint of 10001 digits/],
  ['too many bytes', 'x'.repeat(17 << 20), LimitError, /frame_bytes/],
];
for (const [what, value, kind, why] of refused) {
  test(`refused before it is sent: ${what}`, () => {
    assert.throws(() => pack(value), (error) => error instanceof kind && why.test(error.message));
  });
}

const damaged: [string, number[]][] = [
  ['a handle that is no array', [0x53, 1]], ['a handle without a typeid', [0x53, 0x91, 1]], ['a handle with bytes behind it', [0x53, 0x92, 1, 0xa1, 65, 0]],
  ['a negative id', [0x53, 0x92, 0xff, 0xa1, 65]], ['a tuple cut short', [0x54, 0x92, 1]], ['a set that is a number', [0x55, 7]],
  ['a big integer of letters', [0x56, 0x61]], ['a slice of two', [0x58, 0x92, 1, 2]], ['a range of texts', [0x59, 0x93, 0xa0, 0xa0, 0xa0]],
  ['a range without a step', [0x59, 0x93, 0, 1, 0]], ['an opaque without bytes', [0x5a, 0x92, 0xa0, 1]], ['an empty body', [0x54]],
];
for (const [what, [type, ...body]] of damaged) {
  test(`the value alone is damaged: ${what}`, () => {
    const frame = Uint8Array.of(0x94, 1, 5, 0xc0, 0x92, 0xc7, body.length, type!, ...body, 42);
    const unpacker = new Unpacker(bare);
    const read: unknown[] = [];
    new FrameReader({ bytes: 1000, depth: 64, items: 100 }).push(frame, (each, isUnusual) => read.push(unpacker.unpack(each, isUnusual)));
    assert.deepEqual(read, [[1, 5, null, [null, 42]]]);
    assert(unpacker.failure instanceof Error);
  });
}

test('random values come back, and plain ones are what the library says', () => {
  const random = seeded(7);
  const leaf = [null, true, 1, -7, 1e10, 0.25, 'text', ''];
  const make = (depth: number, isPlain: boolean): unknown => {
    const size = random(4);
    switch (depth > 4 ? 0 : random(isPlain ? 3 : 6)) {
      case 1: return Array.from({ length: size }, () => make(depth + 1, isPlain));
      case 2: return Object.fromEntries(Array.from({ length: size }, (_, each) => [`k${each}`, make(depth + 1, isPlain)]));
      case 3: return new Map(Array.from({ length: 1 + size }, (_, each) => [each, make(depth + 1, isPlain)]));
      case 4: return tuple(...Array.from({ length: size }, () => make(depth + 1, isPlain)));
      case 5: return [new Named(random(1000), 'T'), new Uint8Array(random(5)), 2n ** 70n, new Date(random(1e9)), -0];
      default: return leaf[random(leaf.length)];
    }
  };
  for (let round = 0; round < 3000; ++round) {
    const plain = make(0, true);
    assert.deepEqual(new Decoder().decode(pack(plain)), [plain]);
    assert.deepEqual(again(plain), plain);
    const any = make(0, false);
    assert.deepEqual(again(any), any);
  }
});
