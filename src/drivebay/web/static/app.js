/** The entry of the web app: loads the language and the session, then shows the view of the URL. */
import { Dialogs } from './components/dialog.js';
import { Failure } from './components/empty.js';
import { Menus } from './components/menu.js';
import { Shell } from './components/page.js';
import { ProblemNotice } from './components/problem_notice.js';
import { Loading } from './components/progress.js';
import { Toasts } from './components/toast.js';
import { config } from './lib/config.js';
import { hasCopies } from './lib/copying.js';
import { refuseOtherFiles } from './lib/drag.js';
import { loadLanguage, t } from './lib/i18n.js';
import { loadModule } from './lib/load_module.js';
import { location, match, navigate, startRouter } from './lib/router.js';
import { restoreSession, session } from './lib/session.js';
import { applyTheme } from './lib/theme.js';
import { html, render, signal, useEffect, useRef, useState } from './lib/ui.js';
import { uploads } from './lib/uploads/queue.js';
import { unfinished } from './lib/uploads/unfinished.js';
import { useRoom } from './lib/use_room.js';
import { addRoutes } from './routes.js';

/** Whether the language and the session are loaded (`done`), or the error of this. @type {import('./lib/ui.js').Signal<{done: boolean, error: unknown}>} */
const start = signal({ done: false, error: null });

function App() {
  return html`<div><${View} /><${Panels} /><${Dialogs} /><${Menus} /><${Toasts} /></div>`;
}

function Panels() {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useRoom(ref, 'panels');
  const hasUploads = uploads.value.length > 0 || unfinished.value.length > 0;
  return html`<div class="panels" ref=${ref}>
    ${hasCopies.value && html`<${Panel} load=${loadCopyPanel} />`}
    ${hasUploads && html`<${Panel} load=${loadUploadPanel} />`}
  </div>`;
}

const loadCopyPanel = () => import('./components/copy_panel.js').then(({ CopyPanel }) => CopyPanel);
const loadUploadPanel = () => import('./components/upload_panel.js').then(({ UploadPanel }) => UploadPanel);

/** A panel that is loaded when there is something to show. @param {{load: () => Promise<Function>}} props */
function Panel({ load }) {
  const [state, setState] = useState(
    /** @type {{component: Function | null, error: unknown}} */ ({ component: null, error: null }),
  );
  useEffect(() => {
    loadModule(load()).then(
      (component) => setState({ component, error: null }),
      (error) => setState({ component: null, error }),
    );
  }, []);
  if (state.error !== null && session.value)
    return html`<div class="uploads"><${ProblemNotice} error=${state.error} /></div>`;
  return state.component && html`<${state.component} />`;
}

function View() {
  const { path, query } = location.value;
  const found = match(path);
  const needsSignIn = start.value.done && found !== null && !found.options.public && session.value === null;
  useEffect(() => {
    if (path === '/') navigate('/files/root', { replace: true });
    else if (needsSignIn && !start.value.error)
      navigate(`/sign-in?${new URLSearchParams({ next: path + search(query) })}`, { replace: true });
  }, [path, needsSignIn]);
  if (start.value.error)
    return html`<main class="center"><${Failure} error=${start.value.error} retry=${begin} /></main>`;
  if (!start.value.done || needsSignIn || path === '/') return html`<main class="center"><${Loading} /></main>`;
  if (found === null)
    return html`<main class="center"><h1>${t('error.noPage')}</h1><a href=${`${config.base}/`}>${t('error.home')}</a></main>`;
  const view = html`<${Lazy} load=${found.load} params=${found.params} query=${query} />`;
  return found.options.bare || session.value === null ? view : html`<${Shell}>${view}<//>`;
}

/** @param {{load: () => Promise<{default: Function}>, params: Record<string, string>, query: URLSearchParams}} props */
function Lazy({ load, params, query }) {
  const [state, setState] = useState(
    /** @type {{load: Function | null, component: Function | null, error: unknown}} */ ({
      load: null,
      component: null,
      error: null,
    }),
  );
  const fetchView = () => {
    loadModule(load()).then(
      (module) => setState({ load, component: module.default, error: null }),
      (error) => setState({ load, component: null, error }),
    );
  };
  useEffect(fetchView, [load]);
  if (state.load !== load) return html`<${Loading} />`;
  if (state.component === null) return html`<${Failure} error=${state.error} retry=${fetchView} />`;
  return html`<${state.component} params=${params} query=${query} />`;
}

/** @param {URLSearchParams} query */
function search(query) {
  const text = query.toString();
  return text && `?${text}`;
}

async function begin() {
  start.value = { done: false, error: null };
  try {
    await restoreSession();
    start.value = { done: true, error: null };
  } catch (error) {
    start.value = { done: true, error };
  }
}

applyTheme();
addRoutes();
startRouter();
refuseOtherFiles();
await loadLanguage();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
await begin();
