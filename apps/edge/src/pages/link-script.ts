import { createHash } from 'node:crypto';

/**
 * What runs in a page of a link. The token is taken out of the address at once, so that neither the history of the browser nor whoever looks
 * over somebody's shoulder keeps it. Answers are shown as text, never as markup.
 */
export const LINK_SCRIPT = `'use strict';
const form = document.querySelector('form');
const status = document.getElementById('status');
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
if (!/^[A-Za-z0-9_-]{43}$/.test(token)) {
  form.hidden = true;
  status.textContent = 'This is not the whole link. Open it from where it came, or copy all of it.';
}
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = form.querySelector('button');
  button.disabled = true;
  status.textContent = '';
  const body = { token };
  for (const input of form.querySelectorAll('input')) body[input.name] = input.value;
  try {
    const answer = await fetch(form.dataset.action, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), credentials: 'same-origin' });
    if (answer.ok) {
      form.hidden = true;
      status.textContent = form.dataset.done;
      return;
    }
    const problem = await answer.json();
    status.textContent = problem.detail + ' (' + problem.code + ')';
  } catch {
    status.textContent = 'There is no answer. Try again in a moment.';
  }
  button.disabled = false;
});
`;

export const LINK_SCRIPT_ETAG = `"${createHash('sha256').update(LINK_SCRIPT).digest('hex').slice(0, 16)}"`;
