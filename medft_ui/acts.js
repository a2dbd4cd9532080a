// Buttons inside a piece of HTML: a click on one with data-act tells the server which one, as the event 'act'. The HTML is
// drawn anew with each answer, so the focus goes to the button that stands at the same place then.
let pressed = -1;
const buttons = () => [...element.querySelectorAll('button[data-act]')];
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  pressed = buttons().indexOf(button);
  trigger('act', { act: button.dataset.act, id: button.dataset.id });
});
watch('value', () => {
  if (pressed < 0) return;
  const next = buttons();
  if (next.length) next[Math.min(pressed, next.length - 1)].focus({ preventScroll: true });
  pressed = -1;
});
