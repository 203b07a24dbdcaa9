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
  const found = [...text.matchAll(/```ts run\n([^]*?)```\n```output\n([^]*?)```/g)].map(([, program, output]) => ({ file, program: program!, output: output! }));
  assert.equal(found.length, text.split('```ts').length - 1, `${file}: a block of TypeScript that is not run`);
  return found;
});

test('they are compiled, strictly, and print that', async (test) => {
  assert(programs.length >= 3);
  rmSync(join(folder, 'readme'), { recursive: true, force: true });
  mkdirSync(join(folder, 'readme'));
  programs.forEach(({ program }, number) => writeFileSync(join(folder, 'readme', `program${number}.ts`), program));
  writeFileSync(join(folder, 'readme', 'tsconfig.json'), JSON.stringify({
    extends: '../tsconfig.json', compilerOptions: { rootDir: '.', outDir: 'out', declaration: false }, include: ['.'],
  }));
  run(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc'), '-p', join(folder, 'readme')]);
  for (const [number, { file, output }] of programs.entries()) {
    const host = await Host.start(test);
    const printed = run(process.execPath, [join(folder, 'readme', 'out', `program${number}.js`)], { SOHO_HOST: host.address, NO_COLOR: '1' });
    assert.equal(printed, output, `${file}, program ${number}`);
    await host.stop();
  }
});
