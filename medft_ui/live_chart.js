// One chart on one DOM node: the node is made once, and every new value only calls Plotly.react on it, so that zoom,
// hover and focus stay. `props.value` is {title, summary, keep, x_title, x_range, y_title, log, series: [{name, color, x, y,
// dash, faint, markers}]}.
const node = element.querySelector('.plot');
const words = element.querySelector('p');
const variable = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

function traces(chart) {
  return chart.series.map((series) => ({
    type: 'scatter', name: series.name, x: series.x, y: series.y, showlegend: !series.faint,
    // one point alone makes no line
    mode: series.markers || series.y.filter((y) => y !== null).length === 1 ? 'lines+markers' : 'lines', opacity: series.faint ? 0.3 : 1, connectgaps: false,
    hoverinfo: series.faint ? 'skip' : undefined,
    line: { color: variable(series.color), width: series.faint ? 1 : 2, dash: series.dash || 'solid' },
    marker: { color: variable(series.color), size: 7 },
    hovertemplate: series.faint ? undefined : `%{y:.4~g}<extra>${series.name}</extra>`,
  }));
}

function layout(chart) {
  const quiet = variable('--quiet'), grid = variable('--chart-grid');
  // an axis without a point would count from -1 to 4, which nobody has measured
  const drawn = chart.series.some((series) => series.y.some((y) => y !== null));
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickfont: { color: quiet, size: 11 }, automargin: true };
  return {
    uirevision: chart.keep, autosize: true, hovermode: 'x unified',
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: quiet, activecolor: variable('--accent') }, dragmode: 'zoom', showlegend: chart.series.length > 1,
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', margin: { l: 52, r: 12, t: chart.series.length > 1 ? 26 : 8, b: 38 },
    font: { family: 'inherit', color: variable('--body-text-color'), size: 12 },
    hoverlabel: { bgcolor: variable('--block-background-fill'), bordercolor: grid, font: { color: variable('--body-text-color') } },
    legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', font: { size: 12 } },
    xaxis: { ...axis, range: chart.x_range || undefined, autorange: !chart.x_range, showticklabels: drawn || !!chart.x_range, title: { text: chart.x_title, font: { color: quiet, size: 11 } } },
    yaxis: { ...axis, type: chart.log ? 'log' : 'linear', rangemode: chart.from_zero ? 'tozero' : 'normal', tickformat: '~g', showticklabels: drawn,
      title: { text: chart.y_title, standoff: 8, font: { color: quiet, size: 11 } } },
  };
}

// Zooming one chart along x zooms its neighbours on the same tab too: they share the axis.
function share(event) {
  if (node.following) return;
  const from = event['xaxis.range[0]'], to = event['xaxis.range[1]'], reset = event['xaxis.autorange'];
  if (from === undefined && !reset) return;
  for (const other of (node.closest('.tabitem') || document).querySelectorAll('.chart .plot')) {
    if (other === node || !other.layout) continue;
    other.following = true;
    const range = reset ? other.wholeRange : [from, to];
    Promise.resolve(window.Plotly.relayout(other, range ? { 'xaxis.range': range } : { 'xaxis.autorange': true }))
      .finally(() => { other.following = false; });
  }
}

function draw() {
  const chart = props.value;
  if (!chart || !chart.series) return;
  words.textContent = chart.summary;
  node.setAttribute('aria-label', `${chart.title}. ${chart.summary}`);
  if (!window.Plotly) { node.waits ??= library(node).then(draw); return; }
  node.wholeRange = chart.x_range;
  const first = !node.layout;
  window.Plotly.react(node, traces(chart), layout(chart), { displaylogo: false, responsive: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'], displayModeBar: 'hover' });
  if (first) {
    node.dataset.mounts = Number(node.dataset.mounts || 0) + 1;
    node.on('plotly_relayout', share);
  }
}

// A hidden tab has no width: draw to measure when it is shown. A change of light or dark changes the colours.
new ResizeObserver(() => { if (node.layout && node.clientWidth) window.Plotly.Plots.resize(node); }).observe(node);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', draw);
draw();
