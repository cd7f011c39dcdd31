/** Sign-in: password, second factor, passkey, identity provider. The provider sends the browser here with a code or an error. */
import { Button } from '../components/button.js';
import { Field, formValues } from '../components/field.js';
import { SignPage } from '../components/sign_page.js';
import { ApiError } from '../lib/api.js';
import { config } from '../lib/config.js';
import { errorText } from '../lib/errors.js';
import { t } from '../lib/i18n.js';
import { beginOidcSignIn, isOwnOidcSignIn } from '../lib/oidc_sign_in.js';
import { canUsePasskeys, PasskeyError, passkeyOptions, usePasskey } from '../lib/passkeys.js';
import { navigate, url } from '../lib/router.js';
import { session, signIn, signInWithCode, signInWithOidc, signInWithPasskey } from '../lib/session.js';
import { html, useEffect, useState } from '../lib/ui.js';

/** @param {{query: URLSearchParams}} props */
export default function SignIn({ query }) {
  const [challenge, setChallenge] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const next = pathOf(query.get('next'));
  const run = async (/** @type {() => Promise<void>} */ action) => {
    setBusy(true);
    setError('');
    try {
      await action();
      navigate(next, { replace: true });
    } catch (problem) {
      const isSecond = problem instanceof ApiError && problem.code === 'second_factor_required';
      if (isSecond) setChallenge(problem.challenge);
      else setError(errorText(problem));
    }
    setBusy(false);
  };
  useEffect(() => {
    const [code, refusal] = [query.get('code'), query.get('error')];
    const isOwn = isOwnOidcSignIn(query.get('state'));
    // A user with a session keeps it, even if the URL has a code.
    if (session.value) return navigate(next, { replace: true });
    if (!code && !refusal) return;
    navigate(`/sign-in?${new URLSearchParams({ next })}`, { replace: true }); // no code in the history
    if (refusal) setError(refusalText(refusal));
    else if (code && isOwn) void run(() => signInWithOidc(code));
    else setError(t('signIn.oidcEnded'));
  }, []);
  if (challenge) return html`<${CodeForm} challenge=${challenge} error=${error} busy=${busy} run=${run} />`;
  const submit = (/** @type {Event} */ event) => {
    const { email, password } = formValues(event);
    void run(() => signIn(email, password));
  };
  const withPasskey = () => run(async () => signInWithPasskey(await usePasskey(await passkeyOptions())));
  return html`<${SignPage} title=${t('signIn.title')}>
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
    ${
      config.passwords &&
      html`<form onSubmit=${submit}>
      <${Field} label=${t('signIn.email')} name="email" type="email" autocomplete="username" required autofocus />
      <${Field} label=${t('signIn.password')} name="password" type="password" autocomplete="current-password" required />
      <${Button} kind="primary" type="submit" busy=${busy}>${t('signIn.submit')}<//>
    </form>`
    }
    ${config.passwords && (canUsePasskeys || config.oidc) && html`<p class="sign-or">${t('signIn.or')}</p>`}
    ${canUsePasskeys && html`<${Button} busy=${busy} onClick=${withPasskey}>${t('signIn.passkey')}<//>`}
    ${config.oidc && html`<${Button} onClick=${() => beginOidcSignIn(next)}>${t('signIn.oidc')}<//>`}
    <div class="sign-links">
      ${config.passwords && html`<a href=${url('/reset')}>${t('signIn.forgot')}</a>`}
      ${config.signup && html`<a href=${url(`/sign-up?${new URLSearchParams({ next })}`)}>${t('signIn.create')}</a>`}
    </div>
  <//>`;
}

/** @param {{challenge: string, error: string, busy: boolean, run: (action: () => Promise<void>) => Promise<void>}} props */
function CodeForm({ challenge, error, busy, run }) {
  const [hasNone, setHasNone] = useState(false);
  const submit = (/** @type {Event} */ event) => {
    const { code } = formValues(event);
    void run(() => signInWithCode(challenge, code.trim()));
  };
  // The server counts each request for options, so it is sent only when the user chooses the passkey.
  const withPasskey = () =>
    run(async () => {
      const options = await passkeyOptions(challenge).catch((problem) => {
        if (!(problem instanceof ApiError) || problem.code !== 'not_found') throw problem;
        setHasNone(true);
        throw new PasskeyError('none');
      });
      await signInWithPasskey(await usePasskey(options), challenge);
    });
  const canChoose = canUsePasskeys && !hasNone;
  return html`<${SignPage} title=${t('signIn.codeTitle')}>
    ${error && html`<p class="form-error" role="alert">${error}</p>`}
    <form onSubmit=${submit}>
      <${Field} key="code" label=${t('signIn.code')} name="code" autocomplete="one-time-code" hint=${t('signIn.codeHint')} required autofocus />
      <${Button} kind="primary" type="submit" busy=${busy}>${t('signIn.submit')}<//>
    </form>
    ${canChoose && html`<p class="sign-or">${t('signIn.or')}</p>`}
    ${canChoose && html`<${Button} busy=${busy} onClick=${withPasskey}>${t('signIn.passkeySecond')}<//>`}
  <//>`;
}

/**
 * Return a path of this app to continue with. A path that leads to another site is replaced.
 *
 * @param {string | null} next
 */
export function pathOf(next) {
  return next && /^\/[^/\\]/.test(next) ? next : '/files/root';
}

/** @param {string} code why a sign-in with an identity provider was refused */
function refusalText(code) {
  const key = `signIn.refused_${code}`;
  const text = t(key);
  return text === key ? t('signIn.refused') : text;
}
