import type { ReactNode } from "react";

interface IconProps {
  size?: number;
}

function Icon({
  size = 24,
  filled = false,
  children,
}: IconProps & { filled?: boolean; children: ReactNode }) {
  return (
    <svg
      aria-hidden="true"
      focusable="false"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill={filled ? "currentColor" : "none"}
      stroke={filled ? "none" : "currentColor"}
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

const speaker = <path d="M4 9.5v5h3.4L12 18.5v-13L7.4 9.5z" />;
const person = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4 3.6-6 7.5-6s6.9 2 7.5 6";

export const HomeIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 10.6 12 4l8 6.6V19a1.4 1.4 0 0 1-1.4 1.4h-4.1v-5.9h-5v5.9H5.400A1.4 1.4 0 0 1 4 19z" />
  </Icon>
);
export const HomeFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M12 3 3.2 10.300V19A2.2 2.2 0 0 0 5.4 21.200h4.900v-6.100h3.400v6.100h4.900A2.2 2.2 0 0 0 20.8 19v-8.700z" />
  </Icon>
);
export const PersonIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d={person} />
  </Icon>
);
export const PersonFilledIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M12 12.600a4.7 4.7 0 1 0 0-9.4 4.7 4.7 0 0 0 0 9.400zM3.3 21.200c.4-4.8 4-7.2 8.7-7.200s8.3 2.4 8.7 7.200z" />
  </Icon>
);
export const PlusIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);
export const SettingsIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 7h9M18 7h2M4 17h3M12 17h8" />
    <circle cx="15.5" cy="7" r="2.5" />
    <circle cx="9.5" cy="17" r="2.5" />
  </Icon>
);
export const ShareIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M13.5 3.6c-.6-.5-1.5-.1-1.5.7v3.300C6.3 8 3 11.9 2.5 18.600c0 .7.9 1 1.3.4 2-3 4.5-4.4 8.2-4.400v3.500c0 .8.9 1.2 1.5.7l8-7c.4-.4.4-1 0-1.400z" />
  </Icon>
);
export const SoundOnIcon = (props: IconProps) => (
  <Icon {...props}>
    {speaker}
    <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.500a7.8 7.8 0 0 1 0 11" />
  </Icon>
);
export const SoundOffIcon = (props: IconProps) => (
  <Icon {...props}>
    {speaker}
    <path d="m16 9.5 5 5M21 9.500l-5 5" />
  </Icon>
);
export const PlayIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M7.2 4.700c0-1.1 1.2-1.8 2.2-1.200l10.9 7.200c.9.6.900 1.9 0 2.500L9.4 20.500c-1 .6-2.2-.1-2.2-1.200z" />
  </Icon>
);
export const PauseIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M7 4.500h3v15H7zM14 4.500h3v15h-3z" />
  </Icon>
);
export const BackIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m14.5 5-7 7 7 7" />
  </Icon>
);
export const UpIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 15 7-7 7 7" />
  </Icon>
);
export const DownIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 9 7 7 7-7" />
  </Icon>
);
export const CloseIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m6 6 12 12M18 6 6 18" />
  </Icon>
);
export const CheckIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 12.5 4.7 4.700L19.5 7" />
  </Icon>
);
export const CameraIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 8.400A1.4 1.4 0 0 1 5.4 7h2.400l1.5-2.200h5.400L16.2 7h2.400A1.4 1.4 0 0 1 20 8.400v9.200a1.4 1.4 0 0 1-1.4 1.400H5.400A1.4 1.4 0 0 1 4 17.600z" />
    <circle cx="12" cy="12.7" r="3.3" />
  </Icon>
);
export const TrashIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10 11v5M14 11v5" />
  </Icon>
);
export const EyeIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
    <circle cx="12" cy="12" r="2.8" />
  </Icon>
);
export const EyeOffIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m4 4 16 16M9.5 5.900A9 9 0 0 1 12 5.500c6 0 9.5 6.5 9.5 6.500a17 17 0 0 1-2.8 3.500M6.2 7.500A16 16 0 0 0 2.5 12s3.5 6.5 9.5 6.500c1.6 0 3-.4 4.3-1.100M9.9 10.2a2.8 2.8 0 0 0 3.9 3.9" />
  </Icon>
);
export const FilmIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3.5" y="5" width="17" height="14" rx="2.5" />
    <path d="m10.3 9.4 4.3 2.6-4.3 2.600z" />
  </Icon>
);
export const AlertIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 4 2.8 19.500h18.400zM12 10v4.500M12 17v.1" />
  </Icon>
);
export const DeviceIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3" y="5" width="18" height="11.5" rx="1.8" />
    <path d="M8.5 20h7M12 16.500V20" />
  </Icon>
);
export const PhoneIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="7" y="3" width="10" height="18" rx="2.2" />
    <path d="M11 18h2" />
  </Icon>
);
export const ExitIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M14 4.500H6.400A1.4 1.4 0 0 0 5 5.900v12.200a1.4 1.4 0 0 0 1.4 1.400H14M10.5 12H20M16.5 8.5 20 12l-3.5 3.5" />
  </Icon>
);
export const EditIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4.5 19.500h4l11-11-4-4-11 11zM13 7l4 4" />
  </Icon>
);
export const MoreIcon = (props: IconProps) => (
  <Icon {...props} filled>
    <path d="M6 10.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6zm6 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6zm6 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6z" />
  </Icon>
);
