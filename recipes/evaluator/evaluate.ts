/**
 * Measures a model on the four domains of recipes/tiny-rlvr: greedy exact match, in percent, as JSON.
 *   node dist/recipes/evaluator/evaluate.js <model folder> <eval.jsonl>
 */
import { readFileSync } from 'node:fs';
import { continueGreedily, END, encode } from './generate.js';
import { Qwen3 } from './qwen3.js';
import { readWeights } from './weights.js';

interface Question {
  readonly domain: string;
  readonly prompt: string;
  readonly answer: string;
}

const [folder, file] = process.argv.slice(2);
if (folder === undefined || file === undefined) {
  process.stderr.write('usage: evaluate.js <model folder> <eval.jsonl>\n');
  process.exit(2);
}
const questions = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line): Question => JSON.parse(line));
const model = new Qwen3(await readWeights(folder));

const right = new Map(questions.map(({ domain }) => [domain, 0]));
const asked = new Map(right);
// In the order of the prompts, neighbours have most in common, which is computed once.
for (const { domain, prompt, answer } of questions.toSorted((a, b) => (a.prompt < b.prompt ? -1 : 1))) {
  const isRight = continueGreedily(model, encode(prompt)).join() === [...encode(answer), END].join();
  asked.set(domain, asked.get(domain)! + 1);
  if (isRight) right.set(domain, right.get(domain)! + 1);
}
const accuracy = [...right].map(([domain, count]) => [domain, (100 * count) / asked.get(domain)!]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(accuracy))}\n`);
