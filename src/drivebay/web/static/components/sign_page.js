/** The layout of the pages for users without a session. */
import { config } from '../lib/config.js';
import { html, useEffect } from '../lib/ui.js';
import { Icon } from './icon.js';

/** @param {{title: string, children?: unknown}} props */
export function SignPage({ title, children }) {
  useEffect(() => {
    document.title = `${title} – ${config.name}`;
  }, [title]);
  return html`<main class="sign-page" id="main">
    <div class="sign-card">
      <p class="sign-brand"><${Icon} name="folder" filled size=${30} /><span>${config.name}</span></p>
      <h1>${title}</h1>
      ${children}
    </div>
  </main>`;
}
