// The client of soho_node, and with the word "echo" or "provide" one of its servers:  calls.mjs PACKAGE ADDRESS UNIX_ADDRESS SECONDS ROUNDS
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [packageFolder, address, ownAddress, seconds, rounds, role] = process.argv.slice(2);
const soho = await import(pathToFileURL(`${packageFolder}/dist/index.js`).href);
const FLIGHTS = [1, 64];
// What a call of get_x is on the wire: 94 00, a msgid, soho.call, and 93 with a handle's id of eight bytes, the method and no arguments.
const REQUEST_BYTES = 2 + 3 + 10 + 1 + 9 + 6 + 1;

class HostedPair {
  get_x() {
    return 5;
  }
}

async function serveEcho() {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', (data) => socket.write(data));
    socket.on('error', () => {});
  });
  const path = `${packageFolder}/echo.sock`;
  rmSync(path, { force: true });
  server.listen(address.startsWith('unix:') ? { path } : { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  process.send(address.startsWith('unix:') ? { path } : { port: server.address().port, host: '127.0.0.1' });
}

async function serveObjects() {
  const client = await soho.connect(ownAddress); // TCP is anonymous here, which may not provide
  await client.provide({ typeid: 'HostedPair', callable: HostedPair });
  process.send('ready');
}

async function started(name) {
  const child = fork(fileURLToPath(import.meta.url), [packageFolder, address, ownAddress, seconds, rounds, name]);
  const said = await new Promise((resolve, reject) => child.once('message', resolve).once('exit', () => reject(new Error(`${name} has ended`))));
  return { said, stop: () => child.kill() };
}

function figures(latencies, taken, { user, system }) {
  latencies.sort((one, other) => one - other);
  const below = (part) => latencies[Math.floor(latencies.length * part)] * 1000;
  return { rate: latencies.length / taken * 1000, p50_us: below(0.5), p99_us: below(0.99), cpu_us: (user + system) / latencies.length };
}

async function calls(proxy, flight) {
  const latencies = [];
  const used = process.cpuUsage();
  const begun = performance.now();
  const end = begun + Number(seconds) * 1000;
  await Promise.all(Array.from({ length: flight }, async () => {
    let before = performance.now();
    while (before < end) {
      await proxy.get_x();
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  }));
  return figures(latencies, performance.now() - begun, process.cpuUsage(used));
}

async function echoes(place, flight) {
  const socket = connectSocket(place);
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const latencies = [];
  const sent = []; // when; the replies come in this order
  const used = process.cpuUsage();
  const begun = performance.now();
  const end = begun + Number(seconds) * 1000;
  const send = (count) => {
    const now = performance.now();
    for (let each = 0; each < count; ++each) sent.push(now);
    socket.write(Buffer.alloc(count * REQUEST_BYTES));
  };
  await new Promise((resolve) => {
    let partial = 0;
    let at = 0;
    socket.on('data', (data) => {
      partial += data.length;
      const count = Math.floor(partial / REQUEST_BYTES);
      partial -= count * REQUEST_BYTES;
      const now = performance.now();
      for (let each = 0; each < count; ++each) latencies.push(now - sent[at++]);
      if (now < end) send(count);
      else if (at === sent.length) resolve();
    });
    send(flight);
  });
  const taken = performance.now() - begun;
  socket.destroy();
  return figures(latencies, taken, process.cpuUsage(used));
}

async function measureAll() {
  const [echo, provider, client] = [await started('echo'), await started('provide'), await soho.connect(address)];
  const [pair, hosted] = [await client.create('Pair', 5, 6), await client.create('HostedPair')];
  const report = { call: {}, hosted: {}, echo: {} };
  for (const flight of FLIGHTS) {
    const ways = { call: () => calls(pair, flight), hosted: () => calls(hosted, flight), echo: () => echoes(echo.said, flight) };
    for (const [way, measure] of Object.entries(ways)) {
      await measure(); // warm
      report[way][flight] = [];
    }
    for (let round = 0; round < Number(rounds); ++round) {
      for (const [way, measure] of Object.entries(ways)) report[way][flight].push(await measure());
    }
  }
  await client.close();
  echo.stop();
  provider.stop();
  console.log(JSON.stringify(report));
}

if (role === 'echo') await serveEcho();
else if (role === 'provide') await serveObjects();
else await measureAll();
