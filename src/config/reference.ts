/** docs/configuration.md, made from the declarations; a test compares the two. */
import { environmentNameOf, flagOf, type OptionKey, options } from './options.ts';

export function configurationReference(): string {
  const rows = (Object.keys(options) as OptionKey[]).map((key) => {
    const option = options[key];
    const unit = 'unit' in option ? ` (${option.unit})` : '';
    const fixed = 'fixed' in option ? ' *' : '';
    const shown = Array.isArray(option.default)
      ? option.default.join(', ') || '(none)'
      : String(option.default) || '(none)';
    return `| \`${option.name}\`${fixed} | ${option.doc}${unit} | \`${shown}\` | ${option.accepts} | \`${flagOf(option.name)}\`, \`${environmentNameOf(option.name)}\` |`;
  });
  return `${head}${rows.join('\n')}\n`;
}

const head = `# Configuration

Every option can stand in a YAML file (\`--config FILE\`, or the environment's \`MICE_CONFIG\`), in the environment and on the command line; the later one wins. \`mice config print\` shows what is in force. The dots of a name are levels of the file:

\`\`\`yaml
upstream:
  url: http://127.0.0.1:9200
rerank:
  window: 100
\`\`\`

\`mice serve\` reads the file again on SIGHUP; connections stay open, and running requests end under the settings they began with. Options marked * keep their value until the next start; the certificate to serve with is read again whenever its files change.

This page is made from \`src/config/options.ts\`; \`npm run docs\` writes it again.

| option | what it does | default | accepted | command line, environment |
|---|---|---|---|---|
`;
