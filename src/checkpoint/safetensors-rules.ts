/** The rules of the safetensors format, under the names the reference implementation gives their violations. */
import { M2MergeError } from '../errors.js';

export type SafetensorsRule =
  | 'HeaderTooSmall'
  | 'HeaderTooLarge'
  | 'InvalidHeaderLength'
  | 'InvalidHeader'
  | 'InvalidHeaderDeserialization'
  | 'InvalidOffset'
  | 'ValidationOverflow'
  | 'MisalignedSlice'
  | 'TensorInvalidInfo'
  | 'MetadataIncompleteBuffer';

/** Makes the error for a broken rule: what was expected and found in one sentence, and the tensor it concerns. */
export type Violation = (rule: SafetensorsRule, detail: string, tensor?: string) => M2MergeError<'safetensors-invalid'>;

/** Longest part of a name from a header in a message, in characters: a hostile name can be as long as the header. */
const SHOWN_CHARACTERS = 200;

/** Violations found in the named file. */
export function violationsIn(file: string): Violation {
  return (rule, detail, tensor) => {
    const facts = tensor === undefined ? {} : { tensor: shorten(tensor) };
    return new M2MergeError('safetensors-invalid', { file, rule, detail, ...facts });
  };
}

/** A string from a header, short enough for a message. */
export function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
