interface Props<Value extends string> {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  className: string;
  onChange: (value: Value) => void;
}

/** A few labels side by side; one is pressed. */
export function Choice<Value extends string>({ label, value, options, className, onChange }: Props<Value>) {
  return (
    <fieldset className={className}>
      <legend className="unseen">{label}</legend>
      {options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={value === option} onClick={() => onChange(option)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}
