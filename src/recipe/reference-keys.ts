/** Reads a model reference: text, or mergekit's mapping `{model: path, lora: path}` with `{path, revision}` for a path. */
import { warning } from '../warnings.js';
import type { Cursor } from './cursor.js';
import {
  type ModelLocation,
  type ModelReference,
  parseReference,
  REFERENCE_PATTERN,
  referenceText,
} from './reference.js';
import { type Key, type RecordReading, record, type Shape, text } from './shapes.js';

const key = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape });
const required = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape, required: true });

const LOCATION_KEYS = {
  path: required('folder of the model, or its id on the Hub', text),
  revision: key('branch, tag or commit of the model', text),
};

const locationRecord = record(LOCATION_KEYS, '{path, revision}');

/** A path alone (taken as it is, so that it may hold `@` and `+`), or with a revision. */
const location: Shape<ModelLocation> = {
  schema: { anyOf: [text.schema, locationRecord.schema] },
  read(cursor) {
    if (cursor.kind !== 'mapping') {
      const path = text.read(cursor);
      return path === undefined ? undefined : { path, revision: undefined };
    }
    const { path, revision } = locationRecord.read(cursor)?.values ?? {};
    return path === undefined ? undefined : { path, revision };
  },
};

const PART_KEYS = {
  model: required('folder of the model, or its id on the Hub', location),
  lora: key('adapter to add to the model', location),
  override_architecture: key('without effect: layers are found by the names of the tensors', text),
};

const parts = record(PART_KEYS, '{model: …}');

/** A model, as text or as a mapping. */
export const modelReference: Shape<ModelReference> = {
  schema: { anyOf: [{ ...text.schema, pattern: REFERENCE_PATTERN }, parts.schema] },
  read(cursor) {
    return cursor.kind === 'mapping' ? readParts(cursor) : readText(cursor);
  },
};

function readText(cursor: Cursor): ModelReference | undefined {
  const written = text.read(cursor);
  if (written === undefined) return undefined;
  const reading = parseReference(written);
  if ('problem' in reading) {
    cursor.problem(
      reading.problem,
      'the form is path@revision+adapter@revision; write other paths as {model: {path: …}}',
    );
    return undefined;
  }
  return { text: written, ...reading.location, adapter: reading.adapter, position: cursor.position };
}

function readParts(cursor: Cursor): ModelReference | undefined {
  const reading = parts.read(cursor);
  if (reading === undefined) return undefined;
  warnOfArchitecture(reading);
  const { model, lora: adapter } = reading.values;
  if (model === undefined || (reading.present.has('lora') && adapter === undefined)) return undefined;
  return { text: referenceText(model, adapter), ...model, adapter, position: cursor.position };
}

function warnOfArchitecture({ present, cursor }: RecordReading<typeof PART_KEYS>): void {
  const place = present.get('override_architecture');
  if (place === undefined) return;
  const reason = 'the layers are found by the names of the tensors, whatever the architecture';
  const ignored = (at: string) => warning('ignored-key', { place: at, key: 'override_architecture', reason });
  cursor.findings.warn(place.position, ignored);
}
