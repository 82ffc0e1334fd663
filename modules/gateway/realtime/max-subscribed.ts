/** What one connection watches at once. */
export const maxSubscribed = { people: 100, videos: 10, comments: 2, uploads: 20 };
