export interface Order {
  id: string;
  item: string;
  total: number;
}
