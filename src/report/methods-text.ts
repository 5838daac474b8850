/** What is known of merge methods, for a terminal: all of them in a list, or one in full. */
import { type Method, modelBounds, PRESETS, type Preset } from '../../kernels/method.js';
import { FRONT } from '../../kernels/methods/in-front.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Parameter, Setting } from '../../kernels/parameters.js';
import { DEFAULT_PRESET, defaultOf } from '../recipe/presets.js';
import { alignColumns } from './format.js';
import { wrap } from './text-layout.js';

const WIDTH = 100;

/** Every method with its parameters and their defaults. */
export function formatMethods(): string {
  const rows = METHODS.map((method) => [
    method.name,
    method.title,
    ownParameters(method)
      .map((parameter) => shortDefault(method, parameter))
      .join(', '),
  ]);
  const longest = Math.max(...rows.map(([name]) => name!.length)) + 2;
  return rows
    .flatMap(([name, title, parameters]) => [
      `${name!.padEnd(longest)}${title}`,
      ...wrap(parameters === '' ? 'no parameters' : parameters!, WIDTH, longest),
    ])
    .join('\n');
}

/** One method: equation, parameters, presets, paper, and what the name means elsewhere. */
export function explainMethod(method: Method): string {
  const { name, title, equation, summary, aliases = [], paper } = method;
  const parameters = ownParameters(method);
  return [
    `${name}: ${title}`,
    '',
    `  ${equation}`,
    '',
    ...wrap(summary, WIDTH, 0),
    ...(aliases.length === 0 ? [] : ['', `also     ${aliases.join(', ')}`]),
    '',
    `takes    ${describeModels(method)}`,
    ...(paper === undefined ? [] : [`source   ${paper}`]),
    '',
    'parameters',
    ...(parameters.length === 0
      ? ['  none']
      : parameters.flatMap((parameter) => describeParameter(parameter, defaultOf(method, parameter)))),
    '',
    ...frontLines(method),
    'presets',
    ...presetLines(method),
    '',
    'the same name elsewhere',
    ...elsewhereLines(method),
  ].join('\n');
}

/** The parameters of the method itself. */
export function ownParameters({ parameters }: Method): readonly Parameter[] {
  return parameters.filter(({ name }) => !name.startsWith(FRONT));
}

/** What can be put in front of a method on task vectors. */
function frontLines(method: Method): string[] {
  const front = method.parameters.filter(({ name }) => name.startsWith(FRONT));
  if (front.length === 0) return [];
  const what = front.map((parameter) => {
    const unprefixed = { ...parameter, name: parameter.name.slice(FRONT.length) };
    return describeParameter(unprefixed, defaultOf(method, parameter))[0]!;
  });
  return ['sparsify (in front of the method, a mapping of its own)', ...what, ''];
}

/** What models a method takes, in words. */
export function describeModels(method: Method): string {
  const { minimum, maximum } = modelBounds(method);
  const count =
    minimum === maximum
      ? `exactly ${minimum} ${minimum === 1 ? 'model' : 'models'}`
      : Number.isFinite(maximum)
        ? `${minimum} to ${maximum} models`
        : minimum === 1
          ? 'any number of models'
          : `${minimum} or more models`;
  const base = { taskVectors: ' and a base', either: ', with or without a base', weights: '' }[method.space];
  return count + base;
}

function shortDefault(method: Method, parameter: Parameter): string {
  const value = defaultOf(method, parameter);
  return value === undefined ? `${parameter.name}*` : `${parameter.name} ${value}`;
}

function describeParameter(parameter: Parameter, fallback: Setting | undefined): string[] {
  const scope = parameter.scope === 'model' ? 'per model' : 'per merge';
  const values = parameter.kind === 'choice' ? ` (${parameter.choices.join(' | ')})` : '';
  return [`  ${parameter.name}: ${fallback ?? 'required'}, ${scope}${values}`, ...wrap(parameter.summary, WIDTH, 6)];
}

function presetLines(method: Method): string[] {
  const rows = PRESETS.flatMap((preset) => {
    if (method.presets[preset] === undefined) return [];
    return [[`  ${preset}`, preset === DEFAULT_PRESET ? 'as above' : describePreset(method, preset)]];
  });
  return alignColumns(rows, []);
}

/** What is otherwise with a preset than without, as it would be written in a recipe. */
export function describePreset(method: Method, preset: Preset): string {
  const others = method.parameters.filter(
    (parameter) => defaultOf(method, parameter, preset) !== defaultOf(method, parameter),
  );
  const write = (parameters: readonly Parameter[], prefix: string): string =>
    parameters
      .map((parameter) => `${parameter.name.slice(prefix.length)}: ${defaultOf(method, parameter, preset)}`)
      .join(', ');
  const own = others.filter(({ name }) => !name.startsWith(FRONT));
  const front = others.filter(({ name }) => name.startsWith(FRONT));
  const parts = [write(own, ''), front.length === 0 ? '' : `within sparsify, if there is one, ${write(front, FRONT)}`];
  return parts.filter((part) => part !== '').join('; ') || 'as above';
}

function elsewhereLines({ elsewhere }: Method): string[] {
  return [
    ...['  mergekit', ...wrap(elsewhere.mergekit ?? 'does not have it', WIDTH, 6)],
    ...["  M2RL's code", ...wrap(elsewhere.m2rl ?? 'does not have it', WIDTH, 6)],
  ];
}
