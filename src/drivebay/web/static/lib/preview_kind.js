/** The kind of preview of a file. Content that a browser could execute, such as SVG and HTML, is shown as text only. */

export const MAX_TEXT = 1024 * 1024;
const MAX_IMAGE = 100 * 1024 * 1024;

const IMAGES = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
  'image/x-icon',
]);
const TEXT_TYPES = new Set([
  'application/json',
  'application/javascript',
  'application/ld+json',
  'application/sql',
  'application/toml',
  'application/x-httpd-php',
  'application/x-sh',
  'application/x-yaml',
  'application/xhtml+xml',
  'application/xml',
  'application/yaml',
  'image/svg+xml',
]);
const TEXT_NAMES =
  /\.(txt|md|markdown|csv|tsv|log|json|ya?ml|toml|ini|cfg|conf|env|xml|html?|svg|css|scss|[cm]?js|jsx|tsx?|py|rb|go|rs|c|h|cc|cpp|hpp|java|kt|swift|sh|bash|zsh|fish|ps1|sql|lua|pl|php|r|tex|diff|patch|gitignore|dockerfile|makefile)$/i;

/**
 * Return the kind of preview of a file: `image`, `video`, `audio`, `pdf`, `text` (also for content that a browser could
 * execute), or `none`.
 *
 * @param {{name: string, content_type: string, size: number}} file
 * @returns {"image" | "video" | "audio" | "pdf" | "text" | "none"}
 */
export function previewKind(file) {
  const type = file.content_type.split(';')[0].trim().toLowerCase();
  if (IMAGES.has(type)) return file.size <= MAX_IMAGE ? 'image' : 'none';
  if (type === 'application/pdf') return 'pdf';
  if (isText(type, file.name)) return file.size <= MAX_TEXT ? 'text' : 'none';
  if (type.startsWith('video/')) return 'video';
  if (type.startsWith('audio/')) return 'audio';
  return 'none';
}

/**
 * @param {string} type
 * @param {string} name
 */
function isText(type, name) {
  if (type.startsWith('text/') || TEXT_TYPES.has(type)) return true;
  return (type === 'application/octet-stream' || type === 'video/mp2t') && TEXT_NAMES.test(name);
}
