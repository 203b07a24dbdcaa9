// Where frames end, in whatever pieces they come, and what is no frame.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Encoder } from '@msgpack/msgpack';
import { SohoError } from '../src/index.js';
import { FrameReader } from '../src/frames.js';
import { Packer } from '../src/packer.js';
import { Unpacker } from '../src/unpacker.js';
import { Named, bare, seeded } from './support.js';

const LIMITS = { bytes: 1 << 20, depth: 64, items: 10_000 };
const SAMPLE = [1, 7, null, { a: [1, -5, 'text', new Uint8Array([1, 2]), new Map([[1, 2]]), new Named(9, 'T'), 1.5, 2 ** 40, null, true] }];

function reading(limits = LIMITS): { push(bytes: Uint8Array): void; values: unknown[] } {
  const reader = new FrameReader(limits);
  const unpacker = new Unpacker(bare);
  const values: unknown[] = [];
  return { values, push: (bytes) => reader.push(bytes, (frame, isUnusual) => values.push(unpacker.unpack(frame, isUnusual))) };
}

test('frames are found in pieces of every size', () => {
  const packer = new Packer(bare);
  const frame = packer.pack(SAMPLE).slice();
  const all = Buffer.concat([frame, packer.pack([2, 'x', []]).slice(), frame, packer.pack([]).slice(), frame]);
  for (let piece = 1; piece <= all.length; ++piece) {
    const { push, values } = reading();
    for (let at = 0; at < all.length; at += piece) push(all.subarray(at, at + piece));
    assert.deepEqual(values, [SAMPLE, [2, 'x', []], SAMPLE, [], SAMPLE], `pieces of ${piece}`);
  }
});

test('what comes is not kept: the bytes may be used again', () => {
  const { push, values } = reading();
  const frame = new Packer(bare).pack([1, 1, null, [new Uint8Array([1, 2, 3]), 'abc']]).slice();
  push(frame);
  frame.fill(0);
  assert.deepEqual(values, [[1, 1, null, [new Uint8Array([1, 2, 3]), 'abc']]]);
  assert.equal(Object.getPrototypeOf((values[0] as [0, 0, 0, unknown[]])[3][0]), Uint8Array.prototype);
});

// Looking at every byte again for each piece would take hours.
test('a large frame in small pieces takes time in proportion', () => {
  const { push, values } = reading({ bytes: 1 << 26, depth: 64, items: 1 << 24 });
  const texts = Array.from({ length: 200_000 }, (_, number) => `text ${number}`);
  const frame = new Encoder().encode([1, 1, null, [texts, 'x'.repeat(8 << 20)]]);
  for (let at = 0; at < frame.length; at += 64) push(frame.subarray(at, at + 64));
  assert.equal(values.length, 1);
  assert.deepEqual((values[0] as [0, 0, 0, [string[]]])[3][0], texts);
});

const hex = (text: string): Uint8Array => Buffer.from(text.replace(/ /g, ''), 'hex');
const refused: [string, Uint8Array, RegExp][] = [
  ['the byte that MessagePack never uses', hex('94 c1'), /0xc1/],
  ['an array that cannot fit', hex('dd ff ff ff ff'), /bytes|values/],
  ['a map that cannot fit', hex('df 7f ff ff ff'), /bytes|values/],
  ['a text that cannot fit', hex('91 db ff ff ff ff'), /more than 1048576 bytes/],
  ['an extension that cannot fit', hex('91 c9 ff ff ff ff 53'), /more than 1048576 bytes/],
  ['too many values', hex('dc 27 11'), /more than 10000 values/],
  ['too many values in many arrays', Buffer.concat([hex('dc 0b b8'), ...Array.from({ length: 2600 }, () => hex('93 01 02 03'))]), /more than 10000 values/],
  ['too deep', new Uint8Array(80).fill(0x91), /deeper than 64/],
];
for (const [what, bytes, why] of refused) {
  test(`refused at its first sign: ${what}`, () => assert.throws(() => reading().push(bytes), (error) => error instanceof SohoError && why.test(error.text)));
}

test('what is exactly at the limits is taken', () => {
  const { push, values } = reading({ bytes: 5, depth: 3, items: 5 });
  push(hex('91 92 91 01 02'));
  assert.deepEqual(values, [[[[1], 2]]]);
});

test('random bytes are frames or errors, and nothing else', () => {
  const random = seeded(20261129);
  const frame = new Packer(bare).pack(SAMPLE).slice();
  let frames = 0;
  let refusals = 0;
  for (let round = 0; round < 50_000; ++round) {
    const damaged = Uint8Array.from(frame);
    for (let change = random(4); change >= 0; --change) damaged[random(damaged.length)] = random(256);
    const bytes = damaged.subarray(0, 1 + random(damaged.length));
    const { push, values } = reading();
    try {
      push(bytes);
      frames += values.length;
    } catch (error) {
      assert(error instanceof SohoError, String((error as Error).stack));
      ++refusals;
    }
  }
  assert(frames > 1000 && refusals > 500, `${frames} frames, ${refusals} refusals`);
});

test('a big integer is bounded in its digits', () => {
  const unpacker = new Unpacker(bare);
  const digits = Buffer.alloc(10_001, '9');
  const frame = Buffer.concat([hex('94 01 01 c0 c8'), Uint8Array.of(digits.length >> 8, digits.length & 0xff, 0x56), digits]);
  assert.deepEqual(unpacker.unpack(frame, true), [1, 1, null, null]);
  assert.match(unpacker.failure!.message, /10000 digits/);
  assert.deepEqual(unpacker.unpack(new Packer(bare).pack([-(10n ** 9_998n)]).slice(), true), [-(10n ** 9_998n)]);
});

test('bodies of extensions are bounded in depth', () => {
  const packer = new Packer(bare);
  const unpacker = new Unpacker(bare);
  let body: Uint8Array = Uint8Array.of(0x90);
  for (let level = 0; level < 5000; ++level) {
    const next = new Uint8Array(7 + body.length);
    next.set([0x91, 0xc9, body.length >>> 24, body.length >>> 16, body.length >>> 8, body.length, 0x54]);
    next.set(body, 7);
    body = next;
  }
  const frame = Buffer.concat([hex('94 01 01 c0'), body]);
  const read = unpacker.unpack(frame, true) as unknown[];
  assert.equal(read[1], 1);
  assert.match(unpacker.failure!.message, /deeper/);
  assert.deepEqual([...packer.pack([1])], [0x91, 1]);
});
