// The programs of the READMEs print what these say.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Host, SOURCE, run } from './support.js';

// The package, as prepare.py has copied it: the programs import it by its name.
const folder = join(new URL('.', import.meta.url).pathname, '../..');
const programs = ['clients/node/README.md', 'README.md'].flatMap((file) => {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const found = [...text.matchAll(/```ts run\n([^]*?)```\n```output\n([^]*?)```/g)]
    .map(([, program, output]) => ({ file, program: program!, output: output! }));
  assert.equal(found.length, text.split('```ts').length - 1, `${file}: a block of TypeScript that is not run`);
  return found;
});

// What the compiler must not let pass, in a program that has nothing but Node's declarations.
const TYPED = `
import { type Remote, kw } from 'soho-client';
export async function use(pair: Remote<{ get_x(): number; set_x(value: number): null; x: number }>): Promise<number> {
  // @ts-expect-error: a text is no number
  await pair.set_x('text');
  // @ts-expect-error: no such method
  await pair.get_z();
  // @ts-expect-error: no method
  pair.x;
  // @ts-expect-error: a promise
  const x: number = pair.get_x();
  await pair.set_x(kw({ value: x }));
  return pair.get_x();
}
`;

test('they are compiled, strictly, and print that', async (test) => {
  assert(programs.length >= 3);
  rmSync(join(folder, 'readme'), { recursive: true, force: true });
  mkdirSync(join(folder, 'readme'));
  programs.forEach(({ program }, number) => writeFileSync(join(folder, 'readme', `program${number}.ts`), program));
  writeFileSync(join(folder, 'readme', 'typed.ts'), TYPED);
  writeFileSync(join(folder, 'readme', 'tsconfig.json'), JSON.stringify({ compilerOptions: {
    strict: true, target: 'ES2022', module: 'NodeNext', types: ['node'], skipLibCheck: true, rootDir: '.', outDir: 'out',
  }, include: ['.'] }));
  run(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-p', join(folder, 'readme')]);
  for (const [number, { file, output }] of programs.entries()) {
    const host = await Host.start(test);
    const printed = run(process.execPath, [join(folder, 'readme', 'out', `program${number}.js`)], { SOHO_HOST: host.address, NO_COLOR: '1' });
    assert.equal(printed, output, `${file}, program ${number}`);
    await host.stop();
  }
});
