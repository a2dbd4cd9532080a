// The library is fetched by the first chart of the page.
function library() {
  window.plotlyFetched ??= new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = document.querySelector('meta[name=plotly]').content;
    script.onload = resolve;
    document.head.append(script);
  });
  return window.plotlyFetched;
}
