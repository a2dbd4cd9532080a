// The library, fetched once for the page when the first chart comes into sight: nobody waits for it before.
function library(node) {
  const seen = new Promise((resolve) => {
    const watching = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watching.disconnect();
      resolve();
    }, { rootMargin: '200px' });
    watching.observe(node);
  });
  return seen.then(() => window.plotlyFetched ??= new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = document.querySelector('meta[name=plotly]').content;
    script.onload = resolve;
    document.head.append(script);
  }));
}

