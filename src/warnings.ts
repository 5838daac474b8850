/** Things worth saying that do not stop a merge: typed data, worded here, rendered at the edge. */

export interface WarningFacts {
  'unknown-key': { place: string; key: string; suggestion?: string };
  'ignored-key': { place: string; key: string; reason: string };
  'filter-unmatched': { place: string; key: string; filter: string; pattern?: string };
  'entry-unreached': { place: string; key: string; filter: string };
  'mergekit-ignores': { place: string; key: string; method: string };
  'duplicate-model': { place: string; model: string; slices: boolean };
  'base-appended': { place: string; model: string };
  'base-alone': { place: string; model: string };
  'model-twice': { model: string; other: string };
  'partial-tensor': { model: string; tensor: string; count: number };
  'base-kept': { model: string; tensor: string; count: number };
  'rows-cut': { model: string; tensor: string; rows: number; kept: number };
  'sources-left-out': { place: string; sources: number; dropped: number };
  'empty-slice': { place: string; begin: number };
  'depth-unwritten': { written?: string; depth: number };
  'field-contested': { key: string };
  'layer-rule-broken': { key: string; value: number };
  'slices-unmeasured': { place: string };
  'tensors-carried-over': { tensor: string; count: number; model: string };
  'beside-missing': { what: string; model: string; other: string };
  'code-left-out': { model: string };
  'weights-unmerged': { tensor: string; dtype: string; model: string; count: number };
  'extra-tensor': { model: string; tensor: string; count: number };
  'report-unavailable': {
    method: string;
    reason: 'alone' | 'base' | 'experts' | 'tensors';
    experts: number;
    most: number;
  };
  'report-partial': { tensor: string; count: number; models: readonly string[] };
  'non-finite-input': { model: string; tensor: string; values: number; tensors: number };
  'non-finite-output': { tensor: string; values: number; tensors: number };
  'dtype-implied': { from: string; to: string; count: number };
  'rounding-unused': { rounding: string };
  'stale-metadata': { file: string; detail: string };
  'adapter-head': { adapter: string; tensor: string };
  'adapter-tied': { adapter: string; tensor: string };
  'replaced-stays': { path: string };
  'push-pending': { output: string; repo: string };
  'sweep-locked': { folder: string };
  'best-outdated': { variant: string };
  'judged-otherwise': { count: number };
  'duplicate-tensor': { file: string; tensor: string; count: number };
  'cache-damaged': { file: string; repo: string; property: 'size' | 'hash' };
  'hub-renamed': { from: string; to: string };
  'licences-differ': { licences: readonly string[] };
  'tokenizer-assumed': { model: string; like: string };
  'tokenizer-unlike': { model: string; kind: string; base: string; baseKind: string };
  'tokens-without-rows': { model: string; token: string; count: number; rows: number };
  'tokens-redefined': { token: string; model: string; count: number };
  'tokens-zero': { token: string; tensor: string; count: number };
  'token-id-stale': { file: string; key: string; id: number; token: string };
  'vocabulary-cut': { model: string; tensor: string; rows: number; kept: number };
  'stream-passes': { method: string; once: number; fetched: number };
  'stream-held': { bytes: number };
  'stream-waves': { waves: number; once: number; fetched: number };
  'evaluator-blind': { command: string };
  'objective-unlisted': { place: string; metric: string; suggestion: string };
  'objective-missing': {
    variant: string;
    metric: string;
    maximize: boolean;
    found: readonly string[];
    suggestion?: string;
  };
}

export type WarningKind = keyof WarningFacts;

export type Warning = {
  readonly [K in WarningKind]: { readonly kind: K; readonly facts: WarningFacts[K] };
}[WarningKind];

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const others = (count: number): string => (count > 1 ? ` and ${count - 1} more` : '');

const WORDINGS: { readonly [K in WarningKind]: (facts: WarningFacts[K]) => string } = {
  'unknown-key': ({ place, key, suggestion }) =>
    `${place}: unknown key "${key}" is ignored${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`,
  'ignored-key': ({ place, key, reason }) => `${place}: "${key}" is ignored: ${reason}`,
  'filter-unmatched': ({ place, key, filter, pattern }) =>
    `${place}: filter "${filter}" of "${key}" matches no tensor${pattern === undefined ? '' : `; as a pattern it is "${pattern}"`}`,
  'entry-unreached': ({ place, key, filter }) =>
    `${place}: "${key}" never comes to its entry ${filter === '' ? 'without a filter' : `for "${filter}"`}, since one before it is for all tensors`,
  'mergekit-ignores': ({ place, key, method }) =>
    `${place}: "${key}" takes effect here; mergekit's ${method} has no such parameter and ignores it`,
  'duplicate-model': ({ place, model, slices }) =>
    `${place}: model "${model}" is listed twice and counts once, with the first value that its entries give of each parameter${slices ? ' and the layers of the last' : ''}`,
  'base-appended': ({ place, model }) =>
    `${place}: base_model "${model}" is not among the models; it is merged as one more of them, after the last`,
  'base-alone': ({ place, model }) =>
    `${place}: no model but the base is named, so the merged model is "${model}" as it is`,
  'model-twice': ({ model, other }) =>
    `"${model}" and "${other}" are the same folder; they count as two models, since the recipe spells them differently`,
  'extra-tensor': ({ model, tensor, count }) =>
    `${model} has tensor "${tensor}"${others(count)} that the base has not; left out`,
  'partial-tensor': ({ model, tensor, count }) =>
    `${model} lacks tensor "${tensor}"${others(count)}; merged from the models that have it`,
  'base-kept': ({ model, tensor, count }) =>
    `${model} lacks tensor "${tensor}"${others(count)}; too few have it to merge, so it stays as the base has it`,
  'rows-cut': ({ model, tensor, rows, kept }) =>
    `${model}: the last ${rows - kept} of ${rows} rows of "${tensor}" take no part, since other models have ${kept}`,
  'sources-left-out': ({ place, sources, dropped }) =>
    `${place}: what comes after the layers (final norm, head) is merged from no more sources than the first slice has (${sources}); ${dropped} left out`,
  'empty-slice': ({ place, begin }) =>
    `${place}: the slice has no layers; layer ${begin} alone is layer_range [${begin}, ${begin + 1}]`,
  'depth-unwritten': ({ written, depth }) =>
    `config.json ${written === undefined ? 'states no number of layers that is known' : `does not have the depth of the base (${written})`}, so it does not say that the merged model has ${depth} layers`,
  'field-contested': ({ key }) =>
    `config.json: "${key}" stays as it is, since two parts of the model that were stacked would set it otherwise`,
  'layer-rule-broken': ({ key, value }) =>
    `config.json: "${key}" is ${value}, a rule by the number of a layer, which stacked layers do not follow: some would be built as another kind than their tensors are`,
  'slices-unmeasured': ({ place }) =>
    `${place}: geometry compares whole models, layer by layer of the same number, and not what slices put together; --report on the merge does`,
  'tensors-carried-over': ({ tensor, count, model }) =>
    `tensor "${tensor}"${others(count)} is in none of the modules; carried over from ${model}`,
  'beside-missing': ({ what, model, other }) =>
    `the merged model gets no ${what}: it comes from ${model}, which has none; copy that of ${other} where it fits`,
  'code-left-out': ({ model }) =>
    `config.json of ${model} names Python code (auto_map), which is not copied, since it would run where the model is loaded; copy it where you trust it`,
  'weights-unmerged': ({ tensor, dtype, model, count }) =>
    `tensor "${tensor}"${others(count)} is of a dtype that is not merged (${dtype}); carried over from ${model}`,
  'report-unavailable': ({ method, reason, experts, most }) =>
    ({
      base: `no report: ${method} merges weights without a base; "m2merge geometry --base" measures the models`,
      alone: 'no report: it compares models with the base, and there is none besides it',
      experts: `no report: it compares at most ${most} models, not ${experts}`,
      tensors: 'no report: it compares all models, but there is no tensor in which all have a part',
    })[reason],
  'report-partial': ({ tensor, count, models }) =>
    `the report leaves out tensor "${tensor}"${others(count)}, in which not all models have a part (${models.join(', ')})`,
  'non-finite-input': ({ model, tensor, values, tensors }) =>
    `${model}: ${values} NaN or infinite values in "${tensor}"${others(tensors)}`,
  'non-finite-output': ({ tensor, values, tensors }) =>
    `the merged model has ${values} NaN or infinite values in "${tensor}"${others(tensors)}`,
  'dtype-implied': ({ from, to, count }) =>
    `the recipe names no dtype, so tensors of ${from} are written as ${to} (${count} of them)`,
  'rounding-unused': ({ rounding }) =>
    `rounding: ${rounding} does nothing here, since all that is merged is written as float32, which is what is computed`,
  'stale-metadata': ({ file, detail }) => `${file}: ${detail}`,
  'adapter-head': ({ adapter, tensor }) =>
    `adapter ${adapter} changes "${tensor}" of a model whose config ties embedding and head (tie_word_embeddings): what loads the merged model may take one of the two for both`,
  'adapter-tied': ({ adapter, tensor }) =>
    `adapter ${adapter} changes "${tensor}", which the model also uses as its head; in training the head stayed as it was`,
  'cache-damaged': ({ file, repo, property }) =>
    `${file} of ${repo} in the cache has the wrong ${property}; it is fetched again`,
  'licences-differ': ({ licences }) =>
    `the sources stand under different licences (${licences.join('; ')}), so that the model card states none`,
  'tokenizer-assumed': ({ model, like }) => `${model} has no tokenizer; its tokens are taken to be those of ${like}`,
  'tokenizer-unlike': ({ model, kind, base, baseKind }) =>
    `the tokenizer of ${model} (${kind}) works otherwise than that of ${base} (${baseKind}); its own tokens become added ones, which are found in a text before the tokenizer splits it, also inside of words`,
  'tokens-without-rows': ({ model, token, count, rows }) =>
    `token ${JSON.stringify(token)}${others(count)} of ${model} has no row in its embedding of ${rows}, and is left out of the merged tokenizer`,
  'tokens-redefined': ({ token, model, count }) =>
    `added token ${JSON.stringify(token)}${others(count)} is defined otherwise by ${model}; the first definition counts`,
  'tokens-zero': ({ token, tensor, count }) =>
    `no model has a row for token ${JSON.stringify(token)}${others(count)} in "${tensor}"; zeros are written`,
  'token-id-stale': ({ file, key, id, token }) =>
    `${file}: "${key}" is ${id}, token ${JSON.stringify(token)} of the base, which the merged model has not`,
  'vocabulary-cut': ({ model, tensor, rows, kept }) =>
    `${model}: ${rows} rows of "${tensor}" become ${kept}, as many as the tokenizer has tokens; pad_to_multiple_of keeps more`,
  'stream-passes': ({ method, once, fetched }) =>
    `${method} reads the models several times: ${gigabytes(fetched)} will be fetched where ${gigabytes(once)} hold all; a larger --spool-size, or merging without --stream, fetches less`,
  'stream-held': ({ bytes }) =>
    `${gigabytes(bytes)} are kept beside the spool until the end: embeddings and heads whose rows another tokenizer puts in another order`,
  'stream-waves': ({ waves, once, fetched }) =>
    `each of ${waves} waves fetches the models anew, ${gigabytes(fetched)} in all where ${gigabytes(once)} hold all; without --stream they are fetched once`,
  'evaluator-blind': ({ command }) =>
    `the evaluator is told of no model, so that it judges all variants alike: ${JSON.stringify(command)} has neither {model} nor {variant}`,
  'objective-unlisted': ({ place, metric, suggestion }) =>
    `${place}: "${metric}" is not among the metrics; did you mean "${suggestion}"?`,
  'objective-missing': ({ variant, metric, maximize, found, suggestion }) =>
    `${variant}: the evaluator gave no number called "${metric}", which is to decide; it gave ${found.join(', ')}${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`} (with one of them to ${maximize ? 'maximize' : 'minimize'}, the same command ranks what is judged without judging it again)`,
  'hub-renamed': ({ from, to }) => `${from} is called ${to} on the Hub now; the recipe should say so`,
  'judged-otherwise': ({ count }) =>
    `${count === 1 ? 'a variant was' : `${count} variants were`} judged by another command; with --retry this one judges again`,
  'best-outdated': ({ variant }) =>
    `the models were written to since ${variant} was judged; a sweep with --overwrite judges them again`,
  'sweep-locked': ({ folder }) =>
    `a sweep of another host may be at work in ${folder}; its signs of life are waited for, a minute at most`,
  'push-pending': ({ output, repo }) =>
    `the merged model is complete in ${output}; to go on with the push: m2merge push ${/\s/.test(output) ? JSON.stringify(output) : output} ${repo}`,
  'replaced-stays': ({ path }) => `the model that was replaced could not be removed: ${path}`,
  'duplicate-tensor': ({ file, tensor, count }) =>
    `${file}: the header has several entries for tensor "${tensor}"${others(count)}; the last counts`,
};

/** Makes a warning of a kind; exists so that callers keep the link between kind and facts. */
export function warning<K extends WarningKind>(kind: K, facts: WarningFacts[K]): Warning {
  return { kind, facts } as Warning;
}

/** The warning's text, one line without a trailing period. */
export function describeWarning({ kind, facts }: Warning): string {
  return (WORDINGS[kind] as (facts: unknown) => string)(facts);
}
