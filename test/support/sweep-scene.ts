/** A small group and sweeps over it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SweepResult, SweepRow } from '../../src/sweep/result.js';
import { temporaryFolder } from './cli.js';
import { randomTensor } from './random-models.js';
import { writeModel } from './safetensors.js';

const SHAPES = [
  ['model.layers.0.mlp.up_proj.weight', [61, 67]],
  ['model.norm.weight', [7]],
] as const;

export const SWEEP_BASE = `merge_method: ties
base_model: base
models: [{model: math}, {model: code}]
parameters: {weight: 1, density: 0.5}
`;

/** Prints numbers that follow from the bytes of the model, and notes that it ran. */
const EVALUATOR = `basename "$1" >> "$2"
sum=$(cksum < "$1/model.safetensors" | cut -d ' ' -f 1)
share=$((sum % 1000000))
printf '{"math": 0.%06d, "code": 0.%06d}\\n' $share $((999999 - share))
`;

export interface SweepScene {
  /** The folder in which sweeps are run; removed after the tests. */
  readonly work: string;
  /** A script for `sh` that is given a model and a file to which it appends the model's name; prints `math` and `code`. */
  readonly evaluator: string;
  /** Writes a recipe with this `sweep:`; returns its name in the folder. */
  sweepRecipe(sweep: string): string;
  resultOf(folder: string): SweepResult;
  rowsOf(folder: string): SweepRow[];
}

export function createSweepScene(): SweepScene {
  const work = temporaryFolder();
  const base = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  writeModel(join(work, 'base'), base);
  for (const [e, expert] of ['math', 'code'].entries()) {
    const tensors = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 100 * e + i, 3e-4, base[i]));
    writeModel(join(work, expert), tensors);
  }
  const evaluator = join(work, 'evaluate.sh');
  writeFileSync(evaluator, EVALUATOR);
  let recipes = 0;
  return {
    work,
    evaluator,
    sweepRecipe(sweep) {
      const name = `recipe-${recipes++}.yaml`;
      writeFileSync(join(work, name), `${SWEEP_BASE}sweep:\n${sweep.replace(/^/gm, '  ')}\n`);
      return name;
    },
    resultOf: (folder) => JSON.parse(readFileSync(join(work, folder, 'sweep.json'), 'utf8')),
    rowsOf: (folder) =>
      readFileSync(join(work, folder, 'results.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
  };
}
