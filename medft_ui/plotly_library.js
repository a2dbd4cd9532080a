// The library, fetched once for the page when one of its charts comes into sight: nobody waits for it before.
function library(node) {
  const plotly = window.plotlyLibrary ??= (() => {
    let seen;
    const here = new Promise((resolve) => { seen = resolve; }).then(() => new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = document.querySelector('meta[name=plotly]').content;
      script.onload = resolve;
      document.head.append(script);
    }));
    return { seen, here };
  })();
  const watching = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watching.disconnect();
    plotly.seen();
  }, { rootMargin: '200px' });
  watching.observe(node);
  return plotly.here;
}

