/** What evaluators print, and what is made of it. */
import { describe, expect, it } from 'vitest';
import { problemOfCommand, splitWords } from '../../src/recipe/command-words.js';
import { readMetrics } from '../../src/trial/metrics.js';

describe('metrics of an evaluator', () => {
  it.each([
    ['{"math": 0.5, "code": 1}', undefined, { math: 0.5, code: 1 }],
    ['loading…\nwarning: slow\n{"math": 0.25, "name": "x"}\n', undefined, { math: 0.25 }],
    [
      '{\n  "results": {"gsm8k": {"acc": 0.75}},\n  "other": 3\n}',
      ['results.gsm8k.acc'],
      { 'results.gsm8k.acc': 0.75 },
    ],
    ['{"a.b": 2}', ['a.b'], { 'a.b': 2 }],
    ['{"text": "NaN, is fine", "x": -1e-3}', undefined, { x: -1e-3 }],
    ['{"note": "score: NaN, odd", "quoted": "\\" nan,", "x": 1}', undefined, { x: 1 }],
    ['{"name": "inf", "x": 1}', undefined, { x: 1 }],
    ['\uFEFF{"after a byte order mark": 1}', undefined, { 'after a byte order mark': 1 }],
    ['loading…\n\uFEFF{"x": 1}', undefined, { x: 1 }],
  ] as const)('%s', (text, names, metrics) => {
    expect(readMetrics(text, names)).toEqual({ metrics, problem: undefined });
  });

  it.each([
    ['', undefined, 'printed no JSON object'],
    ['Traceback: boom', undefined, 'printed no JSON object'],
    ['[1, 2]', undefined, 'printed no JSON object'],
    ['{}', undefined, 'printed no numbers'],
    ['{"math": NaN, "code": 0.5}', undefined, 'math is NaN'],
    ['{"math": -Infinity}', ['math'], 'math is -Infinity'],
    ['{"math": "0.5"}', ['math', 'code'], 'no number called math, code'],
    ['{"math": 1e999}', ['math'], 'no number called math'],
    ['{"a": {"__proto__": 1}}', ['a.constructor.length'], 'no number called a.constructor.length'],
  ] as const)('%s says why there are none', (text, names, problem) => {
    expect(readMetrics(text, names).problem).toBe(problem);
  });

  it('keeps the numbers that are there when others are missing', () => {
    expect(readMetrics('{"math": NaN, "code": 0.5}', undefined).metrics).toEqual({ code: 0.5 });
  });
});

describe('the number that decides', () => {
  it('is taken though it lies deeper or is not listed', () => {
    const text = '{"a": 1, "deep": {"b": 2}}';
    expect(readMetrics(text, undefined, 'deep.b')).toEqual({ metrics: { a: 1, 'deep.b': 2 }, problem: undefined });
    expect(readMetrics(text, ['a'], 'deep.b')).toEqual({ metrics: { a: 1, 'deep.b': 2 }, problem: undefined });
    expect(readMetrics(text, ['a'], 'a')).toEqual({ metrics: { a: 1 }, problem: undefined });
  });

  it('is no problem where it is not, unless it is listed or there is no number at all', () => {
    const text = '{"math": 1}';
    expect(readMetrics(text, undefined, 'maht')).toEqual({ metrics: { math: 1 }, problem: undefined });
    expect(readMetrics(text, ['math'], 'maht')).toEqual({ metrics: { math: 1 }, problem: undefined });
    expect(readMetrics(text, ['maht'], 'maht').problem).toBe('no number called maht');
    expect(readMetrics('{}', undefined, 'maht').problem).toBe('printed no numbers');
    expect(readMetrics('{"deep": {"maht": NaN}, "math": 1}', undefined, 'deep.maht').problem).toBe('deep.maht is NaN');
  });
});

describe('words of a command', () => {
  it('keeps quoted spaces and nothing else special', () => {
    expect(splitWords(`python "my eval.py" --path={model} 'a  b'c $HOME`)).toEqual([
      'python',
      'my eval.py',
      '--path={model}',
      'a  bc',
      '$HOME',
    ]);
  });

  it.each([
    ['', 'the command names no program'],
    [' \t ', 'the command names no program'],
    [`"" eval.py`, 'the command names no program'],
    [`python it's.py {model}`, `the command has a ' that is not closed`],
    [`python "my eval.py 'x'`, 'the command has a " that is not closed'],
    [`python "it's.py"`, undefined],
  ])('cannot be run as %j: %s', (line, problem) => {
    expect(problemOfCommand(line)).toBe(problem);
  });
});
