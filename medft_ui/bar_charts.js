// The pictures of a cleaning report: bars, drawn by plotly on nodes that stay as long as the list of charts does. WORDS is put
// in front of this file. `props.value` is a list of {title, summary, x_title, horizontal, series: [{name, color, x, y}], cut:
// {at, label, inside} or null, labels}; each also gets its numbers as a table, for whoever cannot see it.
const node = element.querySelector('.pictures');
const variable = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
let titles = '';

function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

function table(chart) {
  const details = make('details'), body = make('table', 'rows'), head = body.createTHead().insertRow();
  details.append(make('summary', '', WORDS.numbers));
  for (const words of ['', ...chart.series.map((series) => series.name)]) {
    const cell = make('th', '', words || chart.title);
    cell.scope = 'col';
    head.append(cell);
  }
  const rows = body.createTBody();
  chart.labels.forEach((label, at) => {
    const row = rows.insertRow(), first = make('th', '', label);
    first.scope = 'row';
    row.append(first);
    for (const series of chart.series) row.insertCell().textContent = series.numbers[at].toLocaleString('en');
  });
  const scroll = make('div', 'scroll');
  scroll.append(body);
  details.append(scroll);
  return details;
}

function lay(charts) {
  node.replaceChildren(...charts.map((chart) => {
    const figure = make('figure'), plot = make('div', 'plot');
    plot.setAttribute('role', 'img');
    plot.setAttribute('aria-label', `${chart.title}. ${chart.summary}`);
    plot.style.height = chart.horizontal ? `${Math.max(150, 66 + 26 * chart.labels.length)}px` : '250px';
    figure.append(make('h3', '', chart.title), plot, make('p', 'note', chart.summary), table(chart));
    new ResizeObserver(() => { if (plot.layout && plot.clientWidth) window.Plotly.Plots.resize(plot); }).observe(plot);
    return figure;
  }));
}

function layout(chart) {
  const quiet = variable('--quiet'), grid = variable('--chart-grid'), look = variable('--look');
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickfont: { color: quiet, size: 11 }, automargin: true, fixedrange: true };
  const title = { text: chart.x_title, font: { color: quiet, size: 11 } };
  const counts = { ...axis, rangemode: 'tozero', tickformat: ',d', nticks: 6 };
  const cut = chart.cut, line = { type: 'line', yref: 'paper', y0: 0, y1: 1, line: { color: look, width: 2, dash: 'dash' } };
  const label = { yref: 'paper', y: 1, yanchor: 'bottom', showarrow: false, font: { color: look, size: 12 } };
  return {
    autosize: true, barmode: 'stack', bargap: chart.horizontal ? 0.32 : 0.06, dragmode: false, showlegend: chart.series.length > 1,
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', margin: { l: 48, r: 14, t: 26, b: 38 },
    font: { family: 'inherit', color: variable('--body-text-color'), size: 12 },
    hoverlabel: { bgcolor: variable('--block-background-fill'), bordercolor: grid, font: { color: variable('--body-text-color') } },
    legend: { orientation: 'h', traceorder: 'normal', x: 0, y: 1.02, yanchor: 'bottom', font: { size: 12 } },
    xaxis: chart.horizontal ? { ...counts, title } : { ...axis, title },
    yaxis: chart.horizontal ? { ...axis, autorange: 'reversed', showgrid: false, ticklabelstandoff: 8, tickfont: { color: variable('--body-text-color'), size: 12 } } : counts,
    shapes: cut && cut.inside ? [{ ...line, x0: cut.at, x1: cut.at }] : [],
    annotations: !cut ? [] : cut.inside ? [{ ...label, x: cut.at, text: cut.label }] : [{ ...label, xref: 'paper', x: 1, xanchor: 'right', text: cut.label }],
  };
}

function draw() {
  const charts = props.value || [];
  const now = JSON.stringify(charts);
  if (now !== titles) { lay(charts); titles = now; }
  if (charts.length && !window.Plotly) { node.waits ??= library(node).then(draw); return; }
  node.querySelectorAll('.plot').forEach((plot, at) => {
    const chart = charts[at];
    const traces = chart.series.map((series) => ({
      type: 'bar', name: series.name, orientation: chart.horizontal ? 'h' : 'v', marker: { color: variable(series.color) },
      x: chart.horizontal ? series.numbers : series.at, y: chart.horizontal ? chart.labels : series.numbers,
      width: chart.horizontal ? undefined : series.width, customdata: chart.labels,
      hovertemplate: `%{customdata}: %{${chart.horizontal ? 'x' : 'y'}:,}<extra>${chart.series.length > 1 ? series.name : ''}</extra>`,
    }));
    window.Plotly.react(plot, traces, layout(chart), { displayModeBar: false, responsive: false });
  });
}

new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', draw);
draw();
