/** Waits until an answer can take more, or until who asked for it has gone. */
export function drained(response) {
  return new Promise((done) => {
    const over = () => {
      response.off('drain', over).off('close', over);
      done();
    };
    response.on('drain', over).on('close', over);
  });
}
