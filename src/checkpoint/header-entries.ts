/** The JSON of a safetensors header as entries: well-formed and typed, not yet checked against each other or the file. */
import { type Dtype, isDtype } from './dtype.js';
import { JsonScanner, type U64 } from './json-scanner.js';
import { shorten, type Violation } from './safetensors-rules.js';

/** Most dimensions of a tensor: numpy's limit. The format has none, and PyTorch models stay below 10. */
export const MAX_DIMENSIONS = 64;

/** One tensor as its header entry says. */
export interface HeaderEntry {
  readonly dtype: Dtype;
  readonly shape: readonly U64[];
  /** Byte range [begin, end), counted from the end of the header. */
  readonly begin: U64;
  readonly end: U64;
}

export interface HeaderEntries {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the text. Of several entries with one name the last counts, as in the reference. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  /** Names with several entries. */
  readonly duplicates: ReadonlySet<string>;
}

const METADATA_KEY = '__metadata__';

/**
 * Reads the header's JSON. Throws `safetensors-invalid` with the rule InvalidHeaderDeserialization. Entries must be
 * objects and dtypes strings: the reference also takes the array and map forms that its deserializer happens to allow.
 */
export function readEntries(text: string, violation: Violation): HeaderEntries {
  const refuse = (detail: string) => violation('InvalidHeaderDeserialization', `invalid header: ${detail}`);
  const scanner = new JsonScanner(text, refuse);
  const entries = new Map<string, HeaderEntry>();
  const duplicates = new Set<string>();
  let metadata: ReadonlyMap<string, string> | undefined;
  scanner.readObject((name) => {
    if (name === METADATA_KEY) {
      if (metadata !== undefined) throw refuse(`"${METADATA_KEY}" is given twice`);
      metadata = readMetadata(scanner);
      return;
    }
    if (entries.has(name)) duplicates.add(name);
    entries.set(
      name,
      readEntry(scanner, (detail) => violation('InvalidHeaderDeserialization', detail, name)),
    );
  });
  scanner.expectEnd();
  return { metadata: metadata ?? new Map(), entries, duplicates };
}

function readMetadata(scanner: JsonScanner): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (scanner.peekKind() === 'null') scanner.readLiteral();
  else scanner.readObject((key) => metadata.set(key, scanner.readString('a string as metadata value')));
  return metadata;
}

type Refuse = (detail: string) => Error;

/** The fields of an entry that were met so far. */
interface EntryFields {
  dtype?: Dtype;
  shape?: readonly U64[];
  data_offsets?: readonly [U64, U64];
}

function readEntry(scanner: JsonScanner, refuse: Refuse): HeaderEntry {
  const fields: EntryFields = {};
  scanner.readObject((field) => {
    if (Object.hasOwn(fields, field)) throw refuse(`field "${field}" is given twice`);
    if (field === 'dtype') fields.dtype = readDtype(scanner, refuse);
    else if (field === 'shape') fields.shape = readShape(scanner, refuse);
    else if (field === 'data_offsets') fields.data_offsets = readOffsets(scanner, refuse);
    else scanner.skipValue();
  });
  const { dtype, shape, data_offsets: offsets } = fields;
  if (dtype === undefined) throw refuse('field "dtype" is missing');
  if (shape === undefined) throw refuse('field "shape" is missing');
  if (offsets === undefined) throw refuse('field "data_offsets" is missing');
  return { dtype, shape, begin: offsets[0], end: offsets[1] };
}

function readDtype(scanner: JsonScanner, refuse: Refuse): Dtype {
  const dtype = scanner.readString('a dtype name');
  if (!isDtype(dtype)) throw refuse(`unknown dtype "${shorten(dtype)}"`);
  return dtype;
}

function readShape(scanner: JsonScanner, refuse: Refuse): readonly U64[] {
  const shape: U64[] = [];
  scanner.readArray(() => {
    if (shape.length === MAX_DIMENSIONS) throw refuse(`more than ${MAX_DIMENSIONS} dimensions`);
    shape.push(scanner.readUnsigned());
  });
  return shape;
}

function readOffsets(scanner: JsonScanner, refuse: Refuse): readonly [U64, U64] {
  const offsets: U64[] = [];
  scanner.readArray(() => {
    if (offsets.length === 2) throw refuse('more than 2 data_offsets');
    offsets.push(scanner.readUnsigned());
  });
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined) throw refuse(`${offsets.length} data_offsets, expected 2`);
  return [begin, end];
}
