/** The sprout: a stem, a leaf, and a bean that is a play button. Same drawing as public/favicon.svg. */
export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg aria-hidden="true" focusable="false" viewBox="0 0 64 64" width={size} height={size}>
      <path
        className="logo-stem"
        d="M32 34c3 8 2 15-3 19s-10 5-14 4"
        fill="none"
        strokeWidth="6"
        strokeLinecap="round"
      />
      <path className="logo-leaf" d="M30 35C17 36 7 29 5 15c14-2 24 6 25 20z" />
      <path className="logo-bean" d="M33 35c-4-7-5-15-2-22 3-8 11-10 17-6l9 5c7 4 7 13 1 17-8 5-18 7-25 6z" />
      <path
        className="logo-play"
        d="M41 15.5v9.5a1 1 0 0 0 1.5.9l8-4.7a1 1 0 0 0 0-1.8l-8-4.7a1 1 0 0 0-1.5.8z"
      />
    </svg>
  );
}
