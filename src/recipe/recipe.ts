/** A recipe as typed data: what the YAML says after checking, before any model is opened. */
import type { Preset } from '../../kernels/method.js';
import type { Setting } from '../../kernels/parameters.js';
import type { OutputDtype } from '../checkpoint/dtype.js';
import type { Warning } from '../warnings.js';
import type { Position } from './position.js';
import type { ModelReference } from './reference.js';

/** One alternative of a parameter: the tensors it applies to, and one value or a gradient over the layers. */
export interface ParameterEntry {
  /** Part of the tensor name, `regex:…` or `glob:…`; absent, `*` and the empty string match all. */
  readonly filter?: string;
  /** One value, or numbers spread evenly over the layers (mergekit's gradient). Never empty. */
  readonly values: readonly Setting[];
}

/** A parameter as written: entries are tried in order, the first that matches a tensor decides. */
export interface ParameterValue {
  readonly entries: readonly ParameterEntry[];
  /** Where in the recipe it stands, as `models[1].parameters.weight`. */
  readonly path: string;
  readonly position: Position;
}

export type ParameterTable = ReadonlyMap<string, ParameterValue>;

/** A model whose weights are merged. */
export interface RecipeModel {
  /** Where the recipe names it first, as `models[1]` (the base does count) or `base_model`; for messages. */
  readonly path: string;
  readonly reference: ModelReference;
}

/** Layers `begin` to `end`, the last exclusive, of a model. */
export interface LayerRange {
  readonly begin: number;
  readonly end: number;
  readonly path: string;
  readonly position: Position;
}

/** A model's part in a slice. */
export interface RecipeSource {
  /** Index into `Recipe.models`. */
  readonly model: number;
  /** Undefined: the whole model. */
  readonly range: LayerRange | undefined;
  /** What may give its parameters, in the order in which it is asked. */
  readonly levels: readonly ParameterTable[];
  readonly path: string;
  readonly position: Position;
}

/** What is subtracted from the sources of a slice. */
export interface RecipeBase {
  /** Index into `Recipe.bases`. */
  readonly base: number;
  readonly range: LayerRange | undefined;
}

/** Layers of the merged model that are merged alike: all of them, or a range of each source. */
export interface RecipeSlice {
  readonly path: string;
  readonly position: Position;
  /** Undefined for methods that work on weights. */
  readonly base: RecipeBase | undefined;
  readonly sources: readonly RecipeSource[];
  /** What may give the parameters of the merge, in the order in which it is asked. */
  readonly levels: readonly ParameterTable[];
}

/** A part of the model with layers of its own, as a text decoder or a vision tower. */
export interface RecipeModule {
  /** Undefined: the whole model. */
  readonly name: string | undefined;
  readonly path: string;
  readonly position: Position;
  /** In the order of the merged layers; a single one without ranges merges whole models. */
  readonly slices: readonly RecipeSlice[];
}

/** Whose tokens the merged model has: those of all models, of the base (or first model), or of one model. */
export type TokenizerSource = 'union' | 'base' | ModelReference;

/** Where a token's row comes from; `token` is a token of the model, or its id. */
export type TokenSource =
  | { readonly kind: 'zero' }
  | { readonly kind: 'model'; readonly model: ModelReference }
  | { readonly kind: 'model_token'; readonly model: ModelReference; readonly token: string | number };

/** What the recipe says about the rows of one token. */
export interface TokenRule {
  /** Undefined: as for tokens without a rule. */
  readonly source: TokenSource | undefined;
  /** Whether models that have the token take that row, too. */
  readonly force: boolean;
  readonly path: string;
  readonly position: Position;
}

export interface RecipeTokenizer {
  readonly source: TokenizerSource;
  /** By token; those that are not in the vocabulary are added to it. */
  readonly tokens: ReadonlyMap<string, TokenRule>;
  /** At least 1. */
  readonly padToMultipleOf: number;
  readonly position: Position;
}

/** `auto`: the one that most models have; `file`: a path, relative to the recipe's folder first. */
export type ChatTemplate = 'auto' | { readonly text: string } | { readonly file: string };

export type Rounding = 'nearest' | 'stochastic';

export interface Recipe {
  /** The recipe's file as the user named it, for messages; `<recipe>` for text without a file. */
  readonly file: string;
  /** Absolute folder that relative model paths start from; undefined for text without a file. */
  readonly folder: string | undefined;
  /** How other documents of the same file call what this one makes. */
  readonly name: string | undefined;
  /** The source text, verbatim: of this document where the file has several. */
  readonly text: string;
  /** Canonical name of the merge method (aliases resolved). */
  readonly method: string;
  readonly preset: Preset;
  /** The recipe's own base; gives the config and the tokenizer whatever the method makes of it. */
  readonly base: ModelReference | undefined;
  /** Every base that some slice subtracts. */
  readonly bases: readonly ModelReference[];
  /** Models in the order in which the recipe names them first, bases left out where they are subtracted. */
  readonly models: readonly RecipeModel[];
  readonly modules: readonly RecipeModule[];
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
  /** Undefined: rows of embedding and head go by their numbers, and the files of the donor stay. */
  readonly tokenizer: RecipeTokenizer | undefined;
  /** Undefined: that of the tokenizer's model. */
  readonly chatTemplate: ChatTemplate | undefined;
  readonly warnings: readonly Warning[];
}
