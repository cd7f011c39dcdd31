/**
 * The first script of the page. It loads the app, and says so if that fails or takes long: without it the page would
 * stay empty. It imports nothing, so it needs one request.
 */

const LONG_MS = 20_000;

const TEXTS = {
  en: {
    failed: 'The page could not be loaded',
    next: 'Check your connection and load the page again.',
    again: 'Load again',
  },
  de: {
    failed: 'Die Seite konnte nicht geladen werden',
    next: 'Prüfen Sie Ihre Verbindung und laden Sie die Seite neu.',
    again: 'Neu laden',
  },
};

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
const timer = setTimeout(showFailure, LONG_MS);
import('./app.js')
  .catch((error) => {
    console.warn('the app could not be loaded', error);
    showFailure();
  })
  .finally(() => clearTimeout(timer));

/** Show a message in the page. If the app starts later, it replaces the message. */
function showFailure() {
  if (root.querySelector('.start') === null) return; // the app is there
  const language = (localStorage.getItem('drivebay-language') ?? navigator.language).slice(0, 2);
  const texts = language === 'de' ? TEXTS.de : TEXTS.en;
  const button = element('button', texts.again, 'button button-primary');
  button.addEventListener('click', () => window.location.reload());
  const notice = element('main', '', 'center start');
  notice.setAttribute('role', 'alert');
  notice.append(element('h1', texts.failed), element('p', texts.next), element('p', ''));
  notice.lastElementChild?.append(button);
  document.documentElement.lang = texts === TEXTS.de ? 'de' : 'en';
  root.replaceChildren(notice);
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [className]
 */
function element(name, text, className = '') {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}
