import "./tick-box.css";

interface Props {
  type: "checkbox" | "radio";
  /** Of a group of radio buttons. */
  name?: string;
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** A check box or radio button with its words, all of it as large as a finger. */
export function TickBox({ type, name, label, hint, checked, onChange }: Props) {
  return (
    <label className="tick-box">
      <input type={type} name={name} checked={checked} onChange={(event) => onChange(event.target.checked)} />
      <span>
        {label}
        {hint && <small>{hint}</small>}
      </span>
    </label>
  );
}
