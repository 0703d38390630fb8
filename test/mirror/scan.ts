/**
 * What in a text looks like the name of a host, whoever wrote it and whatever for: the test's own eyes, which know
 * nothing of how the library looks for hosts.
 */
export function hostLike(text: string): string[] {
  // Whole words, as `files.example.com--a` is no host's; and no calls, as `module.io(` is none.
  const words = [...text.matchAll(/[a-z\d][\w.-]*/gi)].filter(
    ({ 0: word, index }) => text[index + word.length] !== '(',
  );
  const names = words.map(([word]) => word.replace(/\.+$/, ''));
  const addresses = [...text.matchAll(/:\/\/(?:[^\s/@]*@)?([^\s/:'"`,;<>()[\]{}%$*\\]+)/g)].map(
    ([, host]) => host,
  );
  const found = [...names, ...addresses].map((name) => name.toLowerCase());
  return [...new Set(found)].filter((name) => TOP_LEVEL.test(name) || /^\d+(\.\d+){3}$/.test(name)).sort();
}

const TOP_LEVEL = /\.(com|net|org|edu|gov|io|ai|co|dev|app|cloud|eu|de|uk|cn|example|internal|corp|test)$/;
