// Every ```golden block of PROTOCOL.md: its bytes are the frame that this client writes for its value, and are read as that value.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FrameReader } from '../src/frames.js';
import { IsoTime } from '../src/index.js';
import { Packer } from '../src/packer.js';
import { Unpacker } from '../src/unpacker.js';
import { goldens, parse } from './notation.js';
import { Named, SOURCE, bare } from './support.js';

const LIMITS = { bytes: 1 << 20, depth: 64, items: 1000 };
const blocks = goldens(readFileSync(join(SOURCE, 'sdk/PROTOCOL.md'), 'utf8'));

test('all blocks are found', () => {
  const text = readFileSync(join(SOURCE, 'sdk/PROTOCOL.md'), 'utf8');
  assert.equal(blocks.length, text.split('\n```golden ').length - 1);
  assert(blocks.length > 50);
});

function read(bytes: Uint8Array, piece: number): unknown[] {
  const reader = new FrameReader(LIMITS);
  const unpacker = new Unpacker(bare);
  const values: unknown[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(bytes.subarray(at, at + piece), (frame, isUnusual) => {
      values.push(unpacker.unpack(frame, isUnusual));
      assert.equal(unpacker.failure, undefined);
    });
  }
  return values;
}

// Of an own object only the id comes back; an instant is a Date.
function asRead(value: unknown): unknown {
  if (value instanceof Named) return value.isOwn ? new Named(value.id, 'own', true) : value;
  if (value instanceof IsoTime) return new Date(value.text);
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype ? value.map(asRead) : value;
}

for (const { name, bytes, notation } of blocks) {
  test(`golden: ${name}`, () => {
    const value = parse(notation);
    for (const piece of [bytes.length, 1, 3]) assert.deepEqual(read(bytes, piece), [asRead(value)]);
    // A frame is an array for the packer; whatever stands in it is written as it would be in any place.
    const packed = new Packer(bare).pack([value]);
    assert.equal(Buffer.from(packed.subarray(1)).toString('hex'), Buffer.from(bytes).toString('hex'));
  });
}
