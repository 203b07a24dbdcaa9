// The client, against a sohod of the build that is tested.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  BadArgumentsError, DeadlineError, ExistsError, FailedError, LimitError, NoMethodError, NoObjectError, NoTypeError, RemoteObject, SessionLostError,
  Slice, float, identify, kw, release, tuple, withOptions, type Remote,
} from '../src/index.js';
import { BIN, Host, PLUGINS, connect, eventually, run } from './support.js';

interface Pair {
  get_x(): number;
  get_y(): number;
  set_x(value: number): null;
}

test('a typed proxy', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const pair = await client.create<Pair>('Pair', 5, 6);
  const x: number = await pair.get_x();
  assert.deepEqual([x, await pair.get_y(), await pair.set_x(7), await pair.get_x()], [5, 6, null, 7]);
  assert(pair instanceof RemoteObject && client.owns(pair));
  await pair.set_x(kw({ x: 8 }));
  assert.equal(await pair.get_x(), 8);
  const untyped = await client.create('Pair', 0, kw({ y: 1 }));
  assert.equal(await untyped.get_y(), 1);
  assert.match(client.host, /^sohod\//);
  assert(client.session > 0 && client.limits['frame_bytes']! > 0);
});

test('names, tickets, and what the host tells of itself', async (test) => {
  const host = await Host.start(test);
  const [client, other] = [await host.connect(test), await host.connect(test)];
  const pair = await client.createAs<Pair>('mine', 'Pair', 1, 2);
  assert.equal(await (await other.open<Pair>('mine')).get_y(), 2);
  assert.equal(identify(await other.openOrCreate('mine', 'Pair', 0, 0)).id, identify(pair).id);
  await assert.rejects(other.createAs('mine', 'Pair', 0, 0), ExistsError);
  assert.deepEqual((await client.names()).filter(({ name }) => name === 'mine'), [{ name: 'mine', type: 'Pair', id: identify(pair).id }]);
  await client.unpublish('mine');
  await assert.rejects(other.open('mine'), NoObjectError);
  const ticket = await client.share(pair, { ttl: 10_000 });
  assert.equal(await (await other.claim<Pair>(ticket)).get_x(), 1);
  await assert.rejects(other.claim(ticket), NoObjectError);
  await client.publish(pair, 'for now', { session: true }).then(() => assert.fail(), (error) => assert(error instanceof BadArgumentsError));
  await client.publish(pair, 'for_now', { session: true });
  await client.close();
  await eventually(async () => !(await other.names()).some(({ name }) => name === 'for_now'));
  assert((await other.types()).includes('Pair'));
  assert.deepEqual((await other.describe('Pair'))['type'], 'Pair');
  assert.equal((await other.whoami()).session, other.session);
});

test('errors: the host\'s and the methods\'', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const pair = await client.create('Pair', 1, 2);
  const dict = await client.create('dict');
  await assert.rejects(pair.nothing(), (error) => error instanceof NoMethodError && /^Pair\.nothing\(\): .*get_x/.test(error.message));
  await assert.rejects(pair.set_x('text'), BadArgumentsError);
  await assert.rejects(pair.set_x(kw({ z: 1 })), BadArgumentsError);
  await assert.rejects(client.create('Pai'), NoTypeError);
  await assert.rejects(dict.__getitem__('k'), (error) => error instanceof FailedError && error.type === 'KeyError' && /KeyError: 'k'/.test(error.message));
  await assert.rejects(withOptions(pair, { trace: 'a1' }).nothing(), { trace: 'a1' });
});

test('values and objects through containers of the host', async (test) => {
  const host = await Host.start(test, undefined, '--plugin', join(PLUGINS, 'kinds.so'));
  const client = await host.connect(test);
  const values = [
    null, 1.5, 2n ** 64n, -(2n ** 90n), 'grüß', new Uint8Array([1]),
    tuple(1, [2]), new Set([1]), new Map<unknown, unknown>([[1, 'a'], ['b', 2]]), new Date(5),
  ];
  const list = await client.create('list', values);
  assert.deepEqual(await list.copy(), values);
  assert.deepEqual(await list.__getitem__(new Slice(1, 3)), [1.5, 2n ** 64n]);
  const pair = await client.create<Pair>('Pair', 3, 4);
  await list.append(pair);
  await release(pair);
  const again = (await list.__getitem__(-1)) as Remote<Pair>;
  assert.equal(await again.get_x(), 3);
  const kinds = await client.create('Kinds');
  assert.equal(await kinds.echo_float64(1), 1);
  assert.equal(await kinds.text_of(float(1)), '1.0');
  assert.equal(await kinds.text_of(1), '1');
  assert.equal(await kinds.echo_uint64(2n ** 64n - 1n), 2n ** 64n - 1n);
  await assert.rejects(kinds.echo_int64(1.5), BadArgumentsError);
  const items: unknown[] = [];
  for await (const item of await client.create('list', [1, 2, 3])) items.push(item);
  assert.deepEqual(items, [1, 2, 3]);
});

test('deadlines, aborts, and calls that wait beside those that do not', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const queue = await client.create('Queue');
  await assert.rejects(withOptions(queue, { timeout: 20 }).get(), DeadlineError);
  const abort = new AbortController();
  const waiting = withOptions(queue, { signal: abort.signal }).get();
  await client.ping();
  abort.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  const gets = [1, 2, 3].map(() => queue.get());
  for (const number of [1, 2, 3]) await queue.put(number);
  assert.deepEqual(await Promise.all(gets), [1, 2, 3]);
  const lock = await client.create('RLock');
  await withOptions(lock, { owner: 'a' }).acquire();
  assert.equal(await withOptions(lock, { owner: 'b' }).acquire(false), false);
  await assert.rejects(withOptions(lock, { owner: 'b' }).release(), FailedError);
  await withOptions(lock, { owner: 'a' }).release();
});

test('oneway calls arrive in order', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const list = await client.create('list');
  const oneway = withOptions(list, { oneway: true });
  for (let number = 0; number < 1000; ++number) void oneway.append(number);
  assert.deepEqual(await list.copy(), Array.from({ length: 1000 }, (_, number) => number));
});

test('thousands of calls at once, and large values', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const list = await client.create('list', [0]);
  const answers = await Promise.all(Array.from({ length: 5000 }, (_, number) => list.__getitem__(0).then(() => number)));
  assert.equal(answers.length, 5000);
  const large = 'x'.repeat(15 << 20);
  await list.append(large);
  assert.equal(await list.__getitem__(1), large);
  await assert.rejects(list.append('x'.repeat(20 << 20)), LimitError);
  assert.equal(await list.__len__(), 2);
});

test('how deep values may be, the host and this client agree on', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const list = await client.create('list');
  const nested = (depth: number, wrap: (value: unknown) => unknown): unknown => depth === 0 ? 1 : wrap(nested(depth - 1, wrap));
  for (const wrap of [(value: unknown) => [value], (value: unknown) => tuple(value), (value: unknown) => ({ a: value })]) {
    let depth = 40;
    const fits = async (): Promise<boolean> => list.append(nested(depth, wrap)).then(() => true, (error: unknown) => {
      assert(error instanceof LimitError, String(error));
      return false;
    });
    while (await fits()) ++depth;
    assert.equal(depth, 62); // with the frame, its params, and the arguments: 64 are open at a time, and no more
  }
  assert.equal(((await list.copy()) as unknown[]).length, 3 * (62 - 40));
  await client.ping(); // it was refused here: a host would have closed the connection
});

test('objects go when they are released, and when their proxies are lost', async (test) => {
  const client = await (await Host.start(test)).connect(test);
  const objects = async (): Promise<number> => ((await client.request('soho.stats')) as { objects: number }).objects;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const before = await objects();
  const pair = await client.create('Pair', 1, 2);
  assert.equal(await objects(), before + 1);
  await release(pair);
  assert.equal(await objects(), before);
  await assert.rejects(pair.get_x(), NoObjectError);
  {
    await using used = await client.create<Pair>('Pair', 1, 2);
    assert.equal(await used.get_x(), 1);
    assert.equal(await objects(), before + 1);
  }
  assert.equal(await objects(), before);
  for (let each = 0; each < 300; ++each) await client.create('Pair', 1, 2);
  await eventually(async () => {
    collect();
    return (await objects()) === before;
  });
});

test('a host that is killed, and one that ends', async (test) => {
  const host = await Host.start(test);
  const client = await host.connect(test);
  const queue = await client.create('Queue');
  const waiting = Promise.allSettled([queue.get(), queue.get()]);
  await client.ping();
  await host.end('SIGKILL');
  for (const each of await waiting) {
    assert(each.status === 'rejected' && each.reason instanceof SessionLostError && each.reason.message.includes('may have run'));
  }
  await assert.rejects(queue.put(1), SessionLostError);
  await client.closed;
  await assert.rejects(connect(host.address), (error) => error instanceof SessionLostError && error.message.includes(host.address));
  const other = await Host.start(test);
  let tell: (ms: number) => void = () => undefined;
  const told = new Promise<number>((resolve) => (tell = resolve));
  await other.connect(test, { onDraining: (ms) => tell(ms) }); // before the host ends
  void other.end();
  assert((await told) > 0);
});

test('where the host is looked for', async (test) => {
  const host = await Host.start(test);
  process.env['SOHO_HOST'] = host.address;
  test.after(() => delete process.env['SOHO_HOST']);
  const client = await connect();
  assert.equal(client.address, host.address);
  await client.close();
  process.env['SOHO_HOST'] = 'unix:/nonexistent/socket';
  await assert.rejects(connect(), /no host at unix:\/nonexistent\/socket: no such socket/);
  process.env['SOHO_HOST'] = 'nonsense';
  await assert.rejects(connect(), /SOHO_HOST: "nonsense" is not an address/);
});

test('over TCP, in version 6 of the protocol too', async (test) => {
  for (const listen of ['tcp:127.0.0.1:0', 'tcp:[::1]:0']) {
    const host = await Host.start(test, listen, '--insecure-no-login');
    const client = await host.connect(test);
    assert.equal(await (await client.create<Pair>('Pair', 9, 9)).get_x(), 9);
    assert.equal(run(join(BIN, 'soho'), ['--host', client.address, 'ping']).includes('rror'), false);
  }
});

test('a program ends when its client is closed, or unref\'d', async (test) => {
  const host = await Host.start(test);
  const index = new URL('../src/index.js', import.meta.url).href;
  for (const end of ['await client.close()', 'client.unref()']) {
    const program = `import { connect } from ${JSON.stringify(index)}; const client = await connect(); await client.ping(); ${end};`;
    run(process.execPath, ['--input-type=module', '--eval', program], { SOHO_HOST: host.address });
  }
});
