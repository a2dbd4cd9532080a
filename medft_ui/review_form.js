// The form of a blind review on one DOM node. The server sends an item as `props.value`; the form keeps what is filled in,
// sends each change as a draft, and a finished rating with a token, so that a retry never doubles it. WORDS and LEVELS (all
// visible strings) are put in front of this file. Events: 'draft', 'rate', 'go', 'reference', 'resume', 'leave'.
const node = element.querySelector('.review');
const STORE = 'medft-review';
const PREFERENCES = ['a', 'tie', 'b', 'both_bad', 'cannot_judge'];
const SIDES = ['a', 'b'];
let item = null, form = null, fields = [], cursor = 0, marking = false, busy = null, sent = null, sends = 0, edits = 0;
let began = 0, spent = 0, draftTimer = null, changed = false;

const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
const level = (name) => LEVELS[name] || name;

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'click') made.addEventListener('click', value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// -- what is filled in ------------------------------------------------------------------------------------------------

function read(filled, statements) {
  const side = (answer) => ({ harm: answer.harm, likelihood: answer.likelihood, axes: { ...answer.axes },
    must_have: statements.map((_, at) => Boolean(answer.must_have[at])), wrong: answer.wrong.map((span) => [...span]) });
  return { preference: filled.preference, a: side(filled.a), b: side(filled.b), note: filled.note, seconds_s: filled.seconds_s };
}

function harmful(side) { return form[side].harm === 'mild' || form[side].harm === 'severe'; }

// Every row that takes a choice, in the order of the keys; `several` rows hold ticks instead of one choice.
function list() {
  const found = [];
  const one = (id, name, side, options, get, set) => found.push({ id, name, side, options, get, set });
  for (const side of SIDES) {
    one(`harm_${side}`, WORDS.harm, side, ['none', 'mild', 'severe'], () => form[side].harm, (value) => {
      form[side].harm = value; if (!harmful(side)) form[side].likelihood = null; });
    if (harmful(side)) one(`likelihood_${side}`, WORDS.likelihood, side, ['low', 'medium', 'high'],
      () => form[side].likelihood, (value) => { form[side].likelihood = value; });
  }
  one('preference', WORDS.preference, '', PREFERENCES, () => form.preference, (value) => { form.preference = value; });
  for (const axis of item.axes) for (const side of SIDES) {
    one(`${axis.key}_${side}`, axis.question, side, axis.levels, () => form[side].axes[axis.key] ?? null,
      (value) => { form[side].axes[axis.key] = value; });
  }
  item.must_have.forEach((statement, at) => found.push({ id: `must_${at}`, name: statement, side: '', options: ['a', 'b'], several: true,
    has: (side) => form[side].must_have[at], set: (side) => { form[side].must_have[at] = !form[side].must_have[at]; } }));
  return found;
}

function locked() { return item.reference !== null || Boolean(busy); }

function choose(field, option, byKey) {
  if (locked()) return;
  field.set(option);
  touch();
  const at = fields.indexOf(field);
  fields = list();
  const here = fields.findIndex((each) => each.id === field.id);
  cursor = byKey && !field.several ? Math.min(here + 1, fields.length - 1) : (here < 0 ? at : here);
  draw(byKey ? null : `${field.id} ${option}`);
}

function touch() {
  changed = true;
  clearTimeout(draftTimer);
  draftTimer = setTimeout(keep, 400);
}

function seconds() { return Math.round((spent + (began ? performance.now() - began : 0)) / 100) / 10; }

function envelope() { return { review_id: item.review_id, rater: item.rater, item_key: item.item_key, token: item.token }; }

function keep() {
  clearTimeout(draftTimer);
  draftTimer = null;
  if (item && item.item_key && changed && !locked()) trigger('draft', { ...envelope(), rating: { ...form, seconds_s: seconds() }, edit: ++edits });
}

// -- sending ------------------------------------------------------------------------------------------------------------

function wait(what) {
  busy = setTimeout(() => { busy = null; what.disabled = false; tell(WORDS.no_answer, true); draw(); }, 10000);
  tell(WORDS.saving, false);
  draw();
}

function rate(then) {
  if (!item || !item.item_key || busy) return;
  if (item.reference !== null || (item.is_rated && !changed && then !== 'reference')) return go('');
  clearTimeout(draftTimer);
  // the same rating goes out under the same token again; another one under a token of its own
  const body = JSON.stringify(form);
  if (sent !== null && sent !== body) sends += 1;
  sent = body;
  const token = sends ? `${item.token}-${sends}` : item.token;
  trigger('rate', { ...envelope(), token, rating: { ...form, seconds_s: seconds() }, then });
  wait({});
}

function go(key) {
  if (busy) return;
  keep();
  trigger('go', { ...envelope(), item_key: key });
  wait({});
}

function reference() {
  if (busy || item.reference !== null) return;
  if (item.is_rated && !changed) { trigger('reference', envelope()); wait({}); } else rate('reference');
}

function leave() {
  keep();
  sessionStorage.removeItem(STORE);
  trigger('leave', envelope());
}

function tell(text, wrong) {
  const [alert, status] = [node.querySelector('.wrong'), node.querySelector('.told')];
  if (alert) alert.textContent = wrong ? text : '';
  if (status) status.textContent = wrong ? '' : text;
}

// -- drawing ------------------------------------------------------------------------------------------------------------

function sentences(text) {
  const parts = window.Intl && Intl.Segmenter
    ? [...new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text)].map((part) => part.segment)
    : text.match(/[^.!?\n]+[.!?\n]*\s*|[.!?\n]+\s*/g) || [text];
  let at = 0;
  return parts.map((part) => { // positions in characters as Python counts them, without the space behind
    const start = at, words = part.trimEnd();
    at += Array.from(part).length;
    return { part, words, span: [start, start + Array.from(words).length] };
  });
}

function answerText(side) {
  const text = item.answers[side];
  const holder = make('div', { class: 'text', tabindex: 0, role: 'group', 'aria-label': say(WORDS.answer, { side: side.toUpperCase() }) });
  if (!text) { holder.append(WORDS.empty); return holder; }
  for (const { part, words, span } of sentences(text)) {
    const is = form[side].wrong.some((each) => each[0] === span[0]);
    if (!words) holder.append(part);
    else if (marking && !locked()) {
      holder.append(make('span', { role: 'button', tabindex: 0, 'aria-pressed': String(is), 'data-at': `${side} ${span[0]}`, click: () => mark(side, span) }, words),
        part.slice(words.length));
    } else if (is) holder.append(make('mark', {}, make('span', { class: 'unseen' }, WORDS.marked), words), part.slice(words.length));
    else holder.append(part);
  }
  return holder;
}

function mark(side, span) {
  const at = form[side].wrong.findIndex((each) => each[0] === span[0]);
  if (at < 0) form[side].wrong.push(span); else form[side].wrong.splice(at, 1);
  touch();
  draw(`${side} ${span[0]}`);
}

function toggle(field, option, label, text) {
  const pressed = field.several ? field.has(option) : field.get() === option;
  return make('button', { type: 'button', 'aria-pressed': String(pressed), 'aria-label': label, disabled: locked(),
    'data-at': `${field.id} ${option}`, click: (event) => {
      choose(field, option, false);
      if (event.detail > 0 && document.activeElement) document.activeElement.blur(); // after a mouse click, Space means next
    } }, text);
}

function choices(field) {
  const now = fields[cursor] && fields[cursor].id === field.id && !locked();
  const side = field.side ? say(WORDS.answer, { side: field.side.toUpperCase() }) : '';
  const group = make('div', { class: now ? 'choices now' : 'choices', role: 'group', 'aria-label': side ? `${field.name} ${side}` : field.name });
  if (field.side) group.append(make('span', { 'aria-hidden': 'true' }, field.side.toUpperCase()));
  for (const option of field.options) {
    if (field.id === 'preference') {
      group.append(toggle(field, option, WORDS[`prefer_${option}_label`] || WORDS[`prefer_${option}`], WORDS[`prefer_${option}`]));
    } else if (field.several) {
      group.append(toggle(field, option, `${say(WORDS.answer, { side: option.toUpperCase() })}: ${field.name}`, option.toUpperCase()));
    } else group.append(toggle(field, option, `${field.name} ${side}: ${level(option)}`, level(option)));
  }
  return group;
}

function lines() {
  const made = [];
  let number = 0;
  const pair = (name, first, second) => made.push(make('div', { class: 'line' }, make('div', { class: 'name' }, name),
    first ? choices(first) : make('div'), second ? choices(second) : make('div')));
  const find = (id) => fields.find((field) => field.id === id);
  pair(`${++number} · ${WORDS.harm}`, find('harm_a'), find('harm_b'));
  if (find('likelihood_a') || find('likelihood_b')) pair(WORDS.likelihood, find('likelihood_a'), find('likelihood_b'));
  made.push(make('div', { class: 'line wide' }, make('div', { class: 'name' }, `${++number} · ${WORDS.preference}`), choices(find('preference'))));
  for (const axis of item.axes) pair(`${++number} · ${axis.question}`, find(`${axis.key}_a`), find(`${axis.key}_b`));
  item.must_have.forEach((statement, at) => made.push(make('div', { class: 'line wide' },
    make('div', { class: 'name' }, at ? statement : `${++number} · ${WORDS.must}: ${statement}`), choices(find(`must_${at}`)))));
  return made;
}

function note() {
  const area = make('textarea', { 'aria-label': WORDS.note, placeholder: WORDS.note_hint, rows: 1, maxlength: 4000, disabled: locked() });
  area.value = form.note;
  area.addEventListener('input', () => { form.note = area.value; touch(); });
  return make('div', { class: 'line wide' }, make('div', { class: 'name' }, WORDS.note), area);
}

function top() {
  return make('div', { class: 'top' },
    make('span', {}, `${say(WORDS.title, { name: item.review })} · `, make('b', {}, say(WORDS.as, { rater: item.rater })), ` · ${WORDS.hidden}`),
    make('span', { role: 'status' }, make('b', {}, say(WORDS.saved, item))));
}

function foot() {
  const can = !busy;
  return make('div', { class: 'foot' }, make('p', { class: 'keys' }, WORDS.keys), make('div', { class: 'doing' },
    make('button', { type: 'button', class: 'quiet', click: leave }, WORDS.leave),
    make('button', { type: 'button', disabled: !can || item.position < 2, click: () => go(String(item.position - 1)) }, WORDS.back),
    item.reference === null ? make('button', { type: 'button', disabled: !can, click: reference }, WORDS.show_reference) : null,
    make('button', { type: 'button', class: 'main', disabled: !can, click: () => rate('next') }, WORDS.next)));
}

function answer(side) {
  const name = say(WORDS.answer, { side: side.toUpperCase() });
  return make('section', { class: 'box', 'aria-label': name }, make('h4', {}, name), answerText(side));
}

// Redraws all; `at` names what shall have the focus afterwards (its data-at).
function draw(at) {
  const focused = at || (document.activeElement && node.contains(document.activeElement) ? document.activeElement.dataset.at : null);
  const typing = document.activeElement && document.activeElement.tagName === 'TEXTAREA' && node.contains(document.activeElement);
  if (typing && at === undefined && !busy) return;
  const [wrong, told] = [node.querySelector('.wrong'), node.querySelector('.told')].map((each) => (each ? each.textContent : ''));
  const scrolled = [...node.querySelectorAll('.text')].map((each) => each.scrollTop);
  node.replaceChildren(top(),
    make('div', { class: 'box' }, make('p', { class: 'over' }, say(WORDS.question, item)), make('h3', { tabindex: -1 }, item.question)),
    make('div', { class: 'answers' }, ...SIDES.map(answer)),
    item.reference === null ? '' : make('section', { class: 'box reference', 'aria-label': WORDS.reference, tabindex: -1 },
      make('h4', {}, WORDS.reference), make('p', { class: 'text', tabindex: 0 }, item.reference || WORDS.no_reference), make('p', { class: 'told' }, WORDS.locked)),
    make('section', { class: 'box', 'aria-label': say(WORDS.question, item) }, ...lines(), markLine(), note(),
      make('p', { class: 'wrong', role: 'alert' }), make('p', { class: 'told', role: 'status' }), foot()));
  tell(wrong || told, Boolean(wrong));
  [...node.querySelectorAll('.text')].forEach((each, number) => { each.scrollTop = scrolled[number] || 0; });
  if (focused) node.querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
}

function markLine() {
  return make('div', { class: 'foot' }, make('button', { type: 'button', class: 'quiet', 'aria-pressed': String(marking), disabled: locked(),
    'data-at': 'mark', click: () => startMarking(!marking) }, WORDS.mark), make('p', { class: 'keys' }, marking ? WORDS.marking : ''));
}

function startMarking(on) {
  marking = on;
  draw('mark');
  if (on) node.querySelector('.text [role=button]')?.focus();
  else node.querySelector('h3')?.focus({ preventScroll: true });
}

function finished() {
  node.replaceChildren(top(), make('div', { class: 'box' }, make('h3', { tabindex: -1 }, say(WORDS.finished, item)), make('p', {}, WORDS.finished_hint),
    make('div', { class: 'foot' }, make('div', { class: 'doing' },
      make('button', { type: 'button', click: () => go(String(item.total)) }, WORDS.back),
      make('button', { type: 'button', class: 'main', click: leave }, WORDS.leave)))));
  node.querySelector('h3').focus();
}

// -- what the server sends ----------------------------------------------------------------------------------------------

function take() {
  const value = props.value;
  clearTimeout(busy);
  busy = null;
  if (!value || typeof value !== 'object') { item = null; node.replaceChildren(); return; }
  if (value.problem) { // refused: all that is filled in stays
    sent = null;
    if (item) { draw(); tell(value.problem, true); }
    return;
  }
  item = value;
  sessionStorage.setItem(STORE, JSON.stringify({ review_id: item.review_id, rater: item.rater }));
  if (!item.item_key) { finished(); return; }
  form = read(item.filled, item.must_have);
  [cursor, marking, sent, sends, edits, changed, spent, began] = [0, false, null, 0, 0, false, (form.seconds_s || 0) * 1000, performance.now()];
  node.replaceChildren();
  fields = list();
  const open = fields.findIndex((field) => !field.several && field.get() === null);
  cursor = open < 0 ? 0 : open;
  draw();
  tell(item.told || (item.is_rated && item.reference === null ? WORDS.again : ''), false);
  (node.querySelector('.reference') || node.querySelector('h3')).focus({ preventScroll: true });
  node.scrollIntoView({ block: 'nearest' });
}

// -- keys ---------------------------------------------------------------------------------------------------------------

function prefer(option) { choose(fields.find((field) => field.id === 'preference'), option, false); node.querySelector('h3').focus({ preventScroll: true }); }

function moveSentence(step) {
  const all = [...node.querySelectorAll('.text [role=button]')];
  all[Math.min(all.length - 1, Math.max(0, all.indexOf(document.activeElement) + step))]?.focus();
}

function onKey(event) {
  if (!item || !item.item_key || !node.offsetParent || event.altKey || event.metaKey || event.isComposing) return;
  const target = event.target;
  if (target !== document.body && !node.contains(target)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === 'Enter' && event.ctrlKey) { event.preventDefault(); rate('next'); return; }
  if (event.ctrlKey) return;
  if (target.tagName === 'TEXTAREA') { if (key === 'Escape') node.querySelector('h3').focus(); return; }
  if (target.getAttribute && target.getAttribute('role') === 'button' && act(key, {
    Enter: () => target.click(), ' ': () => target.click(), ArrowDown: () => moveSentence(1), ArrowUp: () => moveSentence(-1),
    Escape: () => startMarking(false) }, event)) return;
  if (target.tagName === 'BUTTON' && (key === ' ' || key === 'Enter')) return; // the button's own
  if (/^[1-9]$/.test(key)) {
    const field = fields[cursor], option = field && field.options[Number(key) - 1];
    if (option) { event.preventDefault(); choose(field, option, true); }
    return;
  }
  act(key, { ArrowLeft: () => prefer('a'), ArrowRight: () => prefer('b'), t: () => prefer('tie'), x: () => prefer('both_bad'),
    c: () => prefer('cannot_judge'), ArrowDown: () => step(1), ArrowUp: () => step(-1), w: () => startMarking(!marking),
    Escape: () => marking && startMarking(false), n: () => node.querySelector('textarea').focus(), r: reference,
    b: () => item.position > 1 && go(String(item.position - 1)), ' ': () => rate('next') }, event);
}

function act(key, actions, event) {
  if (!actions[key]) return false;
  event.preventDefault();
  actions[key]();
  return true;
}

function step(by) {
  cursor = Math.min(fields.length - 1, Math.max(0, cursor + by));
  draw();
  node.querySelector('.choices.now')?.scrollIntoView({ block: 'nearest' });
}

// one listener a page, also when the form is made anew
if (window.medftReviewKeys) document.removeEventListener('keydown', window.medftReviewKeys);
window.medftReviewKeys = onKey;
document.addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', () => { // time away from the page is not time spent on the item
  if (document.hidden) { spent += began ? performance.now() - began : 0; began = 0; keep(); } else began = performance.now();
});
watch('value', take);
take();
const kept = sessionStorage.getItem(STORE);
if (!item && kept) trigger('resume', JSON.parse(kept));
