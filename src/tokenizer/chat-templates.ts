/** Chat templates by name, as Jinja texts: mergekit's names for them, each for the format of that name. */
import { isObject } from '../checkpoint/python-json.js';
import { readTextFile } from '../checkpoint/text-file.js';
import { M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';
import { readTokenizerConfig } from './tokenizer.js';

export const CHAT_TEMPLATE_FILE = 'chat_template.jinja';

/** Largest chat template read, bytes; long ones have some ten thousand. */
const MAX_TEMPLATE_BYTES = 4 * 1024 * 1024;

const ALPACA = `{% for message in messages %}
{%- if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}
{%- elif message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}
{%- else %}{{ '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}`;

const CHATML = `{% for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

const EXAONE = `{% for message in messages %}
{%- if loop.first and message['role'] != 'system' %}{{ '[|system|][|endofturn|]\\n' }}{% endif %}
{{- '[|' + message['role'] + '|]' + message['content'] }}
{{- '\\n' if message['role'] == 'user' else '[|endofturn|]\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}`;

const LLAMA3 = `{{ bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`;

const MISTRAL = `{{ bos_token }}
{%- set begin = namespace(text='') %}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{% set begin.text = message['content'] + '\\n\\n' %}
{%- elif message['role'] == 'user' %}{{ '[INST] ' + begin.text + message['content'] + ' [/INST]' }}{% set begin.text = '' %}
{%- else %}{{ ' ' + message['content'] | trim + eos_token }}
{%- endif %}
{%- endfor %}`;

export const CHAT_TEMPLATES: Readonly<Record<string, string>> = {
  alpaca: ALPACA,
  chatml: CHATML,
  exaone: EXAONE,
  llama3: LLAMA3,
  mistral: MISTRAL,
};

/** The (default) chat template of a model; undefined when it has none. Throws `tokenizer-invalid` and what reading throws. */
export async function readChatTemplate(files: ModelFiles): Promise<string | undefined> {
  if ((await files.list()).includes(CHAT_TEMPLATE_FILE)) return readTemplateFile(files, CHAT_TEMPLATE_FILE);
  const template = (await readTokenizerConfig(files))?.chat_template;
  const named: unknown = Array.isArray(template)
    ? template.find((entry) => isObject(entry) && entry.name === 'default')?.template
    : template;
  return typeof named === 'string' && named.trim() !== '' ? named : undefined;
}

/** The text of a template that is a file. Throws `tokenizer-invalid` and what reading throws. */
export async function readTemplateFile(files: ModelFiles, name: string): Promise<string> {
  const refuse = (detail: string): Error =>
    new M2MergeError('tokenizer-invalid', { file: files.describe(name), detail });
  return readTextFile(files, name, MAX_TEMPLATE_BYTES, refuse);
}

/** The template that most models have, of several the one that comes first; surrounding space does not count. */
export function commonTemplate(templates: readonly (string | undefined)[]): string | undefined {
  const counts = new Map<string, number>();
  for (const template of templates) {
    const text = template?.trim();
    if (text) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values());
  return [...counts.keys()].find((template) => counts.get(template) === most);
}
