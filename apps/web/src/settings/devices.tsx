import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Api } from "../api/client.ts";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Device } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Failure } from "../ui/failure.tsx";
import { DeviceIcon, PhoneIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useAction } from "../ui/use-action.ts";
import { describeDevice } from "./describe-device.ts";

const devicesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["devices"],
    queryFn: ({ signal }) => take(api.GET("/api/v1/sessions", { signal })),
  });

/** The sessions of the account. */
export function Devices() {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useQuery(devicesQuery(api));
  return (
    <section className="card">
      <h2>{t.devices}</h2>
      {data ? (
        <ul className="devices">
          {data.items.map((device) => (
            <DeviceRow key={device.id} device={device} />
          ))}
        </ul>
      ) : error ? (
        <Failure error={error} onRetry={refetch} />
      ) : (
        <Spinner label={t.loading} />
      )}
    </section>
  );
}

function DeviceRow({ device }: { device: Device }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const revoke = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/sessions/{id}", { params: { path: { id: device.id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["devices"] }),
  });
  const known = describeDevice(device.userAgent);
  const name = known
    ? known.system
      ? t.deviceName(known.browser, known.system)
      : known.browser
    : t.unknownDevice;
  return (
    <li>
      {known?.phone ? <PhoneIcon /> : <DeviceIcon />}
      <div className="device-what">
        <strong>{name}</strong>
        <span>
          {device.current ? (
            <b className="device-this">{t.thisDevice}</b>
          ) : (
            t.lastUsed(format.ago(device.lastUsedAt))
          )}
        </span>
      </div>
      {!device.current && (
        <button
          type="button"
          className="button button-quiet"
          aria-label={t.revokeDevice(name)}
          disabled={revoke.isPending}
          onClick={() => revoke.mutate()}
        >
          {t.revoke}
        </button>
      )}
    </li>
  );
}
