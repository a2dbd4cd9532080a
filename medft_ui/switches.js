// A table with a switch in each row. The server sends {html, on: [names]}; each switch writes into `on`, so that whatever
// reads this component's value finds the switches as they stand. A row that differs from what was sent is marked.
const node = element.querySelector('.switches');
let drawn = null, sent = [];
const boxes = () => [...node.querySelectorAll('input[data-step]')];

function draw() {
  const value = props.value || { html: '', on: [] };
  if (value.html !== drawn) {
    node.innerHTML = value.html;
    drawn = value.html;
    sent = value.on;
  }
  for (const box of boxes()) {
    box.checked = value.on.includes(box.dataset.step);
    box.closest('tr').classList.toggle('changed', box.checked !== sent.includes(box.dataset.step));
  }
}

node.addEventListener('change', () => {
  props.value = { ...props.value, on: boxes().filter((box) => box.checked).map((box) => box.dataset.step) };
  draw();
});
watch('value', draw);
draw();
