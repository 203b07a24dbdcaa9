// What a client says to a host, frame by frame, and what it makes of what the host says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  BadArgumentsError, DeadlineError, FailedError, InternalError, LimitError, NoMethodError, NoObjectError, OverloadedError, SessionLostError, SohoError,
  call, identify, kw, release, withOptions, type Client,
} from '../src/index.js';
import { goldens, parse } from './notation.js';
import { FakeHost, Named, SOURCE, connect, eventually, seeded } from './support.js';

async function both(test: TestContext, limits = {}): Promise<{ host: FakeHost; client: Client }> {
  const host = await FakeHost.start(test);
  return { host, client: await host.client(test, {}, limits) };
}

// A proxy of a Pair with that id.
async function given(host: FakeHost, client: Client, id = 7): Promise<any> {
  const opening = client.open('pair');
  host.answer((await host.next())[1], new Named(id, 'Pair'));
  return opening;
}

// That the client, asked so, sends this; and what it makes of an answer.
async function sends(host: FakeHost, asked: Promise<unknown>, message: unknown[], answer: unknown = null): Promise<unknown> {
  const [kind, msgid, ...rest] = await host.next();
  assert.deepEqual([kind, ...rest], message);
  host.answer(msgid, answer);
  return asked;
}

test('the greeting', async (test) => {
  const host = await FakeHost.start(test);
  const connecting = connect(host.address, { name: 'app', onDraining: () => {} });
  const [kind, msgid, method, [options]] = (await host.next()) as [number, number, string, [Record<string, unknown>]];
  assert.deepEqual([kind, method, options], [0, 'soho.hello', {
    proto: 1, client: 'app (soho-node/0.1.0)', errors: 'full', handles: 'ext', features: ['draining'],
  }]);
  host.answer(msgid, { proto: 2, host: 'sohod/9' });
  await assert.rejects(connecting, /sohod\/9 speaks protocol 2, this client 1/);
});

test('requests are those of the protocol', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  assert.deepEqual(identify(pair), { id: 7, typeid: 'Pair' });
  assert.equal(await sends(host, pair.get_x(), [0, 'soho.call', [7, 'get_x', []]], 5), 5);
  const created = await sends(host, client.create('Pair', 5, kw({ y: 6 })), [0, 'soho.create', ['Pair', [5], { kw: { y: 6 } }]], new Named(8, 'Pair'));
  await sends(host, client.createAs('mine', 'Pair', 5), [0, 'soho.create', ['Pair', [5], { name: 'mine' }]]);
  await sends(host, client.openOrCreate('mine', 'Pair'), [0, 'soho.create', ['Pair', [], { name: 'mine', if_exists: 'open' }]]);
  await sends(host, client.publish(pair, 'mine', { session: true }), [0, 'soho.publish', [new Named(7, 'Pair'), 'mine', { session: true }]]);
  await sends(host, client.unpublish('mine'), [0, 'soho.unpublish', ['mine']]);
  assert.equal(await sends(host, client.share(pair, { ttl: 1000, uses: 2 }), [0, 'soho.share', [new Named(7, 'Pair'), 1000, { uses: 2 }]], 't'), 't');
  await sends(host, client.claim('t'), [0, 'soho.claim', ['t']], new Named(9, 'Pair'));
  await sends(host, pair.set(created, [created]), [0, 'soho.call', [7, 'set', [new Named(8, 'Pair'), [new Named(8, 'Pair')]]]]);
  const chosen = withOptions(pair, { timeout: 250.5, owner: 'thread-2', trace: 'a1' });
  await sends(host, chosen.set_x(kw({ x: 7 })), [0, 'soho.call', [7, 'set_x', [], { kw: { x: 7 }, timeout_ms: 250.5, owner: 'thread-2', trace: 'a1' }]]);
  await sends(host, client.with({ timeout: 9 }).create('Pair'), [0, 'soho.create', ['Pair', [], { timeout_ms: 9 }]], new Named(8, 'Pair'));
  await sends(host, release(pair), [0, 'soho.release', [[7, 1]]]);
  await assert.rejects(pair.get_x(), NoObjectError);
  await assert.rejects(client.publish(pair, 'x'), NoObjectError);
  await release(pair);
  await sends(host, client.ping(), [0, 'soho.ping', []]);
});

test('requests are those of the protocol, as its own examples have them', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  const blocks = new Map(goldens(readFileSync(join(SOURCE, 'sdk/PROTOCOL.md'), 'utf8')).map(({ name, notation }) => [name, parse(notation) as unknown[]]));
  const options = { timeout: 250, owner: 'thread-2', trace: 'a1' };
  const asked: [string, () => Promise<unknown>][] = [
    ['create', () => client.create('Pair', 5, 6)],
    ['create or open by name', () => client.openOrCreate('mine', 'Pair', 5, 6)],
    ['call with a fraction of a millisecond', () => withOptions(pair, { timeout: 0.5 }).get_x()],
    ['call with options', () => client.with(options).request('soho.call', 'pair', 'set_x', [], { kw: { x: 7 }, timeout_ms: 250, owner: 'thread-2', trace: 'a1' })],
    ['open', () => client.open('pair')],
    ['unpublish', () => client.unpublish('mine')],
    ['claim', () => client.claim('5f1c.00112233445566778899aabbccddeeff')],
  ];
  for (const [name, ask] of asked) {
    const [kind, , method, params] = blocks.get(name)!;
    await sends(host, ask(), [kind!, method, params]);
  }
  // Handles in a result that nobody waits for: they go back, and the request was cancelled.
  const abort = new AbortController();
  const waiting = client.with({ signal: abort.signal }).request('x');
  const [, msgid] = await host.next();
  abort.abort();
  await assert.rejects(waiting);
  const [kind, method] = blocks.get('cancel')!;
  assert.deepEqual(await host.next(), [kind, method, [msgid]]);
  const last = 2 ** 53 - 1;
  host.answer(msgid, [new Named(7, 'T'), new Named(last, 'T'), new Named(last, 'T')]);
  assert.deepEqual(await host.next(), [2, ...blocks.get('release of several')!.slice(2)]);
});

test('a oneway call is a notification', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  assert.equal(await withOptions(pair, { oneway: true }).set_x(8), undefined);
  assert.deepEqual(await host.next(), [2, 'soho.call', [7, 'set_x', [8]]]);
});

test('proxies are no promises, and JavaScript can look at them', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  assert.equal(pair.then, undefined);
  assert.match(`${pair}`, /^<Pair 7 at unix:/);
  assert.equal(JSON.stringify({ pair }), '{"pair":{}}');
  assert.throws(() => { pair.x = 1; }, TypeError);
  assert.throws(() => { delete pair.x; }, TypeError);
  assert.equal(pair.get_x, pair.get_x);
  await sends(host, call(pair, 'then', 1), [0, 'soho.call', [7, 'then', [1]]]);
  await sends(host, pair.hasOwnProperty('x'), [0, 'soho.call', [7, 'hasOwnProperty', ['x']]]);
  assert.throws(() => call({}, 'x'), TypeError);
  assert.throws(() => withOptions(pair, { timeout: 0 }), RangeError);
});

test('replies may come in any order, and many in one piece', async (test) => {
  const { host, client } = await both(test);
  const asked = Array.from({ length: 200 }, (_, number) => client.request('x', number));
  const msgids: unknown[] = [];
  for (const _ of asked) msgids.push((await host.next())[1]);
  host.socket.write(Buffer.concat(msgids.map((msgid, number) => host.pack([1, msgid, null, number])).reverse()));
  assert.deepEqual(await Promise.all(asked), Array.from(asked.keys()));
});

test('errors have the class of their code', async (test) => {
  const { host, client } = await both(test);
  const fails = async (error: unknown): Promise<SohoError> => {
    const asked = client.request('x');
    host.send([1, (await host.next())[1], error, null]);
    return asked.then(() => assert.fail('it did not fail'), (thrown: SohoError) => thrown);
  };
  const failed = await fails([16, "'x'", { kind: 'failed', type: 'KeyError', data: ['x'], trace: 'a1' }]);
  assert(failed instanceof FailedError && failed instanceof Error);
  const { name, code, kind, type, data, trace, text, message, isSafeToRetry } = failed;
  assert.deepEqual({ name, code, kind, type, data, trace, text, message, isSafeToRetry }, {
    name: 'FailedError', code: 16, kind: 'failed', type: 'KeyError', data: ['x'], trace: 'a1', text: "'x'", message: "x: KeyError: 'x'", isSafeToRetry: false,
  });
  assert((await fails([3, 'no', {}])) instanceof NoMethodError);
  assert((await fails('no_method: no')) instanceof NoMethodError);
  assert.equal((await fails('failed: KeyError: k: v')).type, 'KeyError');
  const overloaded = await fails([9, 'full', { kind: 'overloaded' }]);
  assert(overloaded instanceof OverloadedError && overloaded.isSafeToRetry);
  for (const odd of [[99, 'from the future', {}], 'no colon', 7, {}, [], [null, null]]) assert((await fails(odd)) instanceof InternalError);
});

test('aborting cancels in the host, rejects at once, and gives a late result back', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  const abort = new AbortController();
  const asked = withOptions(pair, { signal: abort.signal }).get();
  const [, msgid] = await host.next();
  abort.abort(new Error('enough'));
  await assert.rejects(asked, /^Error: enough$/);
  assert.deepEqual(await host.next(), [2, 'soho.cancel', [msgid]]);
  host.answer(msgid, [new Named(20, 'Pair'), new Named(20, 'Pair')]);
  assert.deepEqual(await host.next(), [2, 'soho.release', [[20, 2]]]);
  await assert.rejects(withOptions(pair, { signal: abort.signal }).get(), /enough/);
  await assert.rejects(withOptions(pair, { signal: AbortSignal.abort() }).get(), { name: 'AbortError' });
});

test('one signal for many calls', async (test) => {
  const { host, client } = await both(test);
  const warnings: Error[] = [];
  const warn = (warning: Error): number => warnings.push(warning);
  process.on('warning', warn);
  test.after(() => process.off('warning', warn));
  const abort = new AbortController();
  const asked = Array.from({ length: 50 }, () => client.with({ signal: abort.signal }).request('x'));
  host.answer((await host.next())[1], 1);
  assert.equal(await asked[0], 1);
  abort.abort();
  for (const each of asked.slice(1)) await assert.rejects(each, { name: 'AbortError' });
  await turn();
  assert.deepEqual(warnings, []);
});

test('a host that keeps no deadline is waited for a little longer only', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  for (const ask of [() => withOptions(pair, { timeout: 1 }).get(), () => client.with({ timeout: 1 }).request('x')]) {
    const asked = Promise.allSettled([ask()]);
    const [, msgid] = await host.next();
    const [outcome] = await asked;
    assert(outcome.status === 'rejected' && outcome.reason instanceof DeadlineError && /may have run/.test(outcome.reason.message));
    assert.deepEqual(await host.next(), [2, 'soho.cancel', [msgid]]);
  }
});

test('lost proxies are given back in batches', async (test) => {
  const { host, client } = await both(test);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const last = await (async () => {
    const asked = client.request('many');
    host.answer((await host.next())[1], Array.from({ length: 1000 }, (_, id) => new Named(id, 'Pair')));
    return ((await asked) as unknown[])[999];
  })();
  const counts = new Map<number, number>();
  let frames = 0;
  const watching = (async () => {
    while (counts.size < 999) {
      const [kind, method, pairs] = (await host.next()) as [number, string, [number, number][]];
      assert.deepEqual([kind, method], [2, 'soho.release']);
      for (const [id, count] of pairs) counts.set(id, (counts.get(id) ?? 0) + count);
      ++frames;
    }
  })();
  await eventually(async () => {
    collect();
    await turn();
    return counts.size >= 999;
  }, 'that all are given back');
  await watching;
  assert(!counts.has(999) && [...counts.values()].every((count) => count === 1));
  assert(frames < 100, `${frames} frames`);
  assert.equal(identify(last as object).id, 999);
});

test('what the host would not take is refused here, and the connection stays', async (test) => {
  const { host, client } = await both(test, { frame_bytes: 10_000, depth: 8, items: 100 });
  await assert.rejects(client.request('x', 'y'.repeat(20_000)), (error) => error instanceof LimitError && /^x: .*frame_bytes/.test(error.message));
  await assert.rejects(client.request('x', [[[[[[[[1]]]]]]]]), LimitError);
  await assert.rejects(client.request('x', new Array(200).fill(0)), LimitError);
  await assert.rejects(client.request('x', () => 1), BadArgumentsError);
  assert.equal(await sends(host, client.request('x'), [0, 'x', []], 1), 1);
});

test('a result that cannot be read fails its own call only, and its handles go back', async (test) => {
  const { host, client } = await both(test);
  const asked = client.request('x');
  const [, msgid] = await host.next();
  const bad = host.pack([1, msgid, null, [new Named(30, 'T'), new Named(31, 'T')]]);
  bad[bad.length - 4] = 0x07; // the second handle's array
  host.socket.write(bad);
  await assert.rejects(asked, (error) => error instanceof InternalError && /cannot be read/.test(error.message));
  assert.deepEqual(await host.next(), [2, 'soho.release', [[30, 1]]]);
  assert.equal(await sends(host, client.request('x'), [0, 'x', []], 1), 1);
});

test('the end of the connection fails all calls, says so, and never goes unhandled', async (test) => {
  const { host, client } = await both(test);
  const pair = await given(host, client);
  const asked = Array.from({ length: 10 }, () => pair.get_x() as Promise<unknown>);
  void withOptions(pair, { oneway: true }).set_x(1);
  await host.next();
  host.socket.destroy();
  for (const each of asked) await assert.rejects(each, (error) => error instanceof SessionLostError && /may have run/.test(error.message));
  assert.match((await client.closed).message, /the connection to the host at unix:.* is lost/);
  await assert.rejects(pair.get_x(), SessionLostError);
  const oneway = withOptions(pair, { oneway: true });
  await assert.rejects(oneway.set_x(1), SessionLostError);
  void oneway.set_x(1); // nobody waits, and nothing is unhandled
  await turn();
  await release(pair);
  await client.close();
});

test('draining is told', async (test) => {
  const host = await FakeHost.start(test);
  const told = new Promise<number>((resolve) => void host.client(test, { onDraining: resolve }).then(() => host.send([2, 'soho.draining', [5000, 'more']])));
  assert.equal(await told, 5000);
});

const nonsense: [string, unknown[] | Buffer][] = [
  ['no array', Buffer.from([7])], ['an empty array', []], ['a request that nobody offered to take', [0, 1, 'soho.call', [1, 'x', [], {}]]],
  ['an unknown notification', [2, 'soho.unknown', []]], ['a reply with a text for a msgid', [1, 'a', null, 1]], ['five elements', [1, 1, null, 1, 1]],
  ['the byte 0xc1', Buffer.from([0x94, 0xc1])], ['a frame that is too large', Buffer.from([0x94, 1, 1, 0xc0, 0xdb, 0x7f, 0xff, 0xff, 0xff])],
];
for (const [what, message] of nonsense) {
  test(`the host sends ${what}: a clear end`, async (test) => {
    const { host, client } = await both(test);
    const asked = client.request('x');
    await host.next();
    host.socket.write(Buffer.isBuffer(message) ? message : host.pack(message));
    await assert.rejects(asked, (error) => error instanceof SessionLostError && /the host has sent/.test(error.message));
    await eventually(() => host.isClosed);
  });
}

test('a reply that nobody asked for is none of ours', async (test) => {
  const { host, client } = await both(test);
  host.answer(12345, 1);
  assert.equal(await sends(host, client.request('x'), [0, 'x', []], 1), 1);
});

test('damaged replies, at random, end in an answer or an error', async (test) => {
  const random = seeded(42);
  const ends = { answered: 0, failed: 0, lost: 0 };
  const host = await FakeHost.start(test);
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  process.on('unhandledRejection', note);
  test.after(() => process.off('unhandledRejection', note));
  for (let round = 0; round < 400; ++round) {
    const client = await host.client(test);
    const asked = client.request('x').then(() => 'answered' as const, (error: unknown) => {
      assert(error instanceof SohoError, String(error));
      return error instanceof SessionLostError ? 'lost' as const : 'failed' as const;
    });
    const [, msgid] = await host.next();
    const error = random(3) === 0 ? [16, 'text', { kind: 'failed' }] : null;
    const frame = host.pack([1, msgid, error, [new Named(5, 'T'), { a: 'text', b: [1, 2.5] }, 'x'.repeat(random(40))]]);
    for (let change = random(3); change >= 0; --change) frame[random(frame.length)] = random(256);
    host.socket.write(frame);
    host.socket.end();
    ++ends[await asked];
    await client.close();
  }
  assert(ends.answered > 20 && ends.failed > 20 && ends.lost > 20, JSON.stringify(ends));
  assert.deepEqual(unhandled, []);
});

test('what the system does not take waits, and more than can wait is refused', async (test) => {
  const { host, client } = await both(test, { frame_bytes: 1 << 30 });
  host.socket.pause();
  const large = new Uint8Array(50 << 20);
  const asked: Promise<unknown>[] = [];
  for (let each = 0; each < 6; ++each) asked.push(client.request('x', large));
  await assert.rejects(client.request('y'), (error) => error instanceof OverloadedError && error.isSafeToRetry);
  host.socket.resume();
  for (const each of asked) assert.equal(await sends(host, each, [0, 'x', [large]], 1), 1);
  assert.equal(await sends(host, client.request('y'), [0, 'y', []], 2), 2);
});

test('oneway calls are done when the system has taken them', async (test) => {
  const { host, client } = await both(test);
  const oneway = withOptions(await given(host, client), { oneway: true });
  host.socket.pause();
  let done = 0;
  const sent = Array.from({ length: 100 }, () => (oneway.put(new Uint8Array(1 << 20)) as Promise<unknown>).then(() => ++done));
  for (let each = 0; each < 100; ++each) await turn();
  assert(done < 100, 'nobody has read them');
  host.socket.resume();
  await Promise.all(sent);
  assert.equal(done, 100);
});
