/** A recipe as typed data: what the YAML says after checking, before any model is opened. */
import type { Preset } from '../../kernels/method.js';
import type { Setting } from '../../kernels/parameters.js';
import type { OutputDtype } from '../checkpoint/dtype.js';
import type { Warning } from '../warnings.js';
import type { Position } from './position.js';
import type { ModelReference } from './reference.js';

/** One alternative of a parameter: the tensors it applies to, and one value or a gradient over the layers. */
export interface ParameterEntry {
  /** Substring of the tensor name; absent, `*` and the empty string match all. */
  readonly filter?: string;
  /** One value, or numbers spread evenly over the layers (mergekit's gradient). Never empty. */
  readonly values: readonly Setting[];
}

/** A parameter as written: entries are tried in order, the first that matches a tensor decides. */
export interface ParameterValue {
  readonly entries: readonly ParameterEntry[];
  readonly position: Position;
}

export type ParameterTable = ReadonlyMap<string, ParameterValue>;

export interface RecipeModel {
  /** Where the recipe names it, as `models[1]` (the base does count) or `base_model`; for messages. */
  readonly path: string;
  readonly reference: ModelReference;
  readonly parameters: ParameterTable;
}

export type Rounding = 'nearest' | 'stochastic';

export interface Recipe {
  /** The recipe's file as the user named it, for messages; `<recipe>` for text without a file. */
  readonly file: string;
  /** Absolute folder that relative model paths start from; undefined for text without a file. */
  readonly folder: string | undefined;
  /** The source text, verbatim. */
  readonly text: string;
  /** Canonical name of the merge method (aliases resolved). */
  readonly method: string;
  readonly preset: Preset;
  readonly base: ModelReference | undefined;
  /** Models in recipe order, the base left out where the method subtracts it. */
  readonly models: readonly RecipeModel[];
  /** Top-level parameters, for models and for the merge. */
  readonly parameters: ParameterTable;
  /** Dtype of the output tensors, `out_dtype` before `dtype`; undefined: as the inputs. */
  readonly outputDtype: OutputDtype | undefined;
  readonly rounding: Rounding;
  readonly seed: number;
  /** Output folder as written, relative to the recipe's folder. */
  readonly output: string | undefined;
  /** Whether a report is written beside the output; undefined: the recipe does not say. */
  readonly report: boolean | undefined;
  readonly warnings: readonly Warning[];
}
